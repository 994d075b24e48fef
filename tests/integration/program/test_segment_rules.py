"""Segments by rule: the traits say who is in them, by night and after an answer."""

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.db.models import F
from django.urls import reverse

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.program import segment_rules
from loyalty_oscar.program.models import JobRun, Member, Program, Segment, SegmentCount, SegmentMember
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.registries import facts, facts_then, traits
from loyalty_oscar.program.segment_rules import ALLOWS, KEPT_DAYS, look_at_member
from loyalty_oscar.program.segments import SegmentsMove, members_of, set_members
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.shop.upkeep import jobs
from tests.storefront import a_user, day

pytestmark = pytest.mark.django_db


class Among:
    """True of the members that a test names; it counts how often it was asked."""

    label, is_personal = "Among some", False

    def __init__(self, is_personal=False):
        self.holds, self.asked, self.is_personal, self.error = {}, [], is_personal, None

    def fields(self, *, program_id):
        return {}

    def says(self, *, params, program_id):
        return f"among {params['name']}"

    def holders(self, *, program_id, params, at, after, last):
        self.asked.append((after, last))
        if self.error:
            raise self.error
        return {pk for pk in self.holds.get(params["name"], ()) if after < pk <= last}


def registered(code, trait):
    traits.register(code)(trait)
    yield trait
    traits.unregister(code)


@pytest.fixture
def among():
    yield from registered("among", Among())


@pytest.fixture
def personal():
    yield from registered("told-us", Among(is_personal=True))


@pytest.fixture
def people(unit):
    """Five members."""
    users = [a_user(f"{name}@example.com") for name in ("ida", "boris", "zoe", "max", "eve")]
    return [join(program=unit.program, user_id=user.pk, at=day(1, 2)).pk for user in users]


def by_rule(unit, *names, code="cats", trait="among"):
    asked = [{"trait": trait, "params": {"name": name}} for name in names]
    return Segment.objects.create(program=unit.program, code=code, name=code.title(), kind="rule", traits=asked)


def night(at=None):
    """Run the nightly job; returns what it says went wrong."""
    return list(jobs.run(only="segments", at=at or day(2, 1)))[-1].error


class TestTheNight:
    def test_takes_in_those_of_whom_all_traits_hold(self, unit, among, people):
        _ida, boris, zoe, *_others = people
        among.holds = {"cats": people[:3], "gold": people[1:4]}
        both, one, none = (by_rule(unit, *names, code=f"s{len(names)}") for names in (("cats", "gold"), ("gold",), ()))
        assert night() == ""
        assert (members_of(segment=both), members_of(segment=one)) == ({boris, zoe}, {boris, zoe, people[3]})
        assert members_of(segment=none) == frozenset()
        both.refresh_from_db()
        assert (both.counted, both.counted_at) == (2, day(2, 1))

    def test_asks_each_trait_once_for_all_segments(self, unit, among, people):
        for number in range(3):
            by_rule(unit, "cats", code=f"s{number}")
        night()
        assert len(among.asked) == 1

    def test_writes_differences_alone_and_keeps_what_was(self, unit, among, people):
        ida, boris, zoe, *_others = people
        cats = by_rule(unit, "cats")
        for number, held in enumerate([[ida, boris], [boris, zoe], [boris, zoe], [ida]]):
            among.holds["cats"] = held
            night(day(2, 1 + number))
        rows = SegmentMember.objects.filter(segment=cats).order_by("pk")
        assert [(row.member_id, row.since, row.until) for row in rows] == [
            (ida, day(2, 1), day(2, 2)), (boris, day(2, 1), day(2, 4)), (zoe, day(2, 2), day(2, 4)),
            (ida, day(2, 4), None),
        ]  # fmt: skip
        asked = [(ida, day(2, 1)), (ida, day(2, 2)), (zoe, day(2, 3)), (zoe, day(2, 4)), (ida, day(2, 5))]
        told = facts_then(name="segments", asked=asked)
        assert {pair for pair, ids in told.items() if ids == [cats.pk]} == {asked[0], asked[2], asked[4]}

    @pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
    def test_comes_to_the_same_whatever_the_slices(self, unit, among, people, monkeypatch, size):
        monkeypatch.setattr(segment_rules, "SLICE", size)
        among.holds["cats"] = [people[0], people[2], people[4]]
        cats = by_rule(unit, "cats")
        assert night() == ""
        assert members_of(segment=cats) == set(among.holds["cats"])
        assert among.asked[0][0] == 0
        assert among.asked[-1][1] == segment_rules.LAST
        among.holds["cats"] = people[1:2]
        night(day(2, 2))
        assert members_of(segment=cats) == set(people[1:2])

    def test_goes_on_where_it_was_cut_short(self, unit, among, people, monkeypatch):
        monkeypatch.setattr(segment_rules, "SLICE", 2)
        among.holds["cats"] = people
        cats = by_rule(unit, "cats")
        steps = jobs.run(only="segments", at=day(2, 1), stop=lambda: len(among.asked) == 1)
        list(steps)
        assert members_of(segment=cats) == set(people[:2])
        among.holds["cats"] = people[2:]
        night(day(2, 1) + timedelta(hours=1))
        assert members_of(segment=cats) == set(people)
        assert JobRun.objects.get(name="segments").cursor is None

    @pytest.mark.parametrize("error", [ValueError("nonsense"), DatabaseError("gone")])
    def test_leaves_one_that_fails_as_it_was_and_names_it(self, unit, among, personal, people, error):
        among.holds["cats"] = people[:2]
        cats, dogs = by_rule(unit, "cats"), by_rule(unit, "dogs", code="dogs", trait="told-us")
        night()
        among.error = error
        among.holds["cats"] = people
        unknown = by_rule(unit, "x", code="birds", trait="left")
        said = night(day(2, 2))
        assert said == "groups of members that stay as they were: birds, cats; the log says why"
        assert members_of(segment=cats) == set(people[:2])
        counts = SegmentCount.objects.filter(day=day(2, 2).date()).values_list("segment", flat=True)
        assert set(counts) == {dogs.pk}
        assert unknown.pk not in counts

    def test_counts_each_day_once_lists_too(self, unit, among, people):
        among.holds["cats"] = people[:2]
        cats = by_rule(unit, "cats")
        friends = Segment.objects.create(program=unit.program, code="friends", name="Friends")
        set_members(segment=friends, member_ids=people, at=day(1, 5))
        for _again in range(2):
            night()
        among.holds["cats"] = people[:1]
        night(day(2, 2))
        counts = SegmentCount.objects.order_by("day", "segment").values_list("segment", "day", "counted")
        first, second = day(2, 1).date(), day(2, 2).date()
        assert list(counts) == [
            (cats.pk, first, 2), (friends.pk, first, 5), (cats.pk, second, 1), (friends.pk, second, 5),
        ]  # fmt: skip

    def test_forgets_who_left_400_days_ago(self, unit, people):
        friends = Segment.objects.create(program=unit.program, code="friends", name="Friends")
        set_members(segment=friends, member_ids=people[:2], at=day(1, 5))
        set_members(segment=friends, member_ids=people[:1], at=day(1, 9))
        set_members(segment=friends, member_ids=[], at=day(1, 9) + timedelta(seconds=1))
        night(day(1, 9) + timedelta(days=KEPT_DAYS, seconds=1))
        assert [row.member_id for row in SegmentMember.objects.all()] == [people[0]]

    def test_knows_no_member_of_another_program(self, unit, among, people):
        other = Program.objects.create(code="other", name="Other")
        stranger = join(program=other, user_id=a_user("max2@example.com").pk, at=day(1, 2))
        among.holds["cats"] = [stranger.pk, people[0]]
        cats = by_rule(unit, "cats")
        night()
        assert members_of(segment=cats) == {people[0]}


class TestAPersonalTrait:
    def test_holds_of_those_alone_who_allow_it(self, unit, personal, people):
        personal.holds["cats"] = people
        cats = by_rule(unit, "cats", trait="told-us")
        known = facts.get(ALLOWS) if ALLOWS in facts else None
        facts.unregister(ALLOWS)
        try:
            night()
            assert members_of(segment=cats) == frozenset()
            facts.register(ALLOWS)(Allowing(people[:2]))
            night(day(2, 2))
            assert members_of(segment=cats) == set(people[:2])
        finally:
            facts.unregister(ALLOWS)
            if known:
                facts.register(ALLOWS)(known)


class Allowing:
    """Says that some members allow personal content."""

    def __init__(self, ids):
        self.ids = ids

    def __call__(self, *, members, at):
        return {pk: True for pk in members if pk in self.ids}


class TestOneMember:
    def test_is_looked_at_alone(self, unit, among, people):
        ida, boris, *_others = people
        among.holds["cats"] = people
        cats = by_rule(unit, "cats")
        assert look_at_member(member_id=ida, at=day(2, 1)) == 1
        assert members_of(segment=cats) == {ida}
        assert among.asked == [(ida - 1, ida)]
        among.holds["cats"] = []
        assert look_at_member(member_id=boris, at=day(2, 2)) == 0
        assert look_at_member(member_id=ida, at=day(2, 2)) == 1
        assert members_of(segment=cats) == frozenset()
        cats.refresh_from_db()
        assert cats.counted == 0

    def test_is_known_better_than_by_a_night_that_began_before(self, unit, among, people):
        ida, boris, *_others = people
        among.holds["cats"] = [boris]
        cats = by_rule(unit, "cats")
        night(at=day(1, 31))
        among.holds["cats"] = [ida]
        for member_id in (ida, boris):
            assert look_at_member(member_id=member_id, at=day(2, 1) + timedelta(seconds=30)) == 1
        # What it asked for was true when it began.
        among.holds["cats"] = [boris]
        assert night(at=day(2, 1)) == ""
        assert members_of(segment=cats) == {ida}
        assert not SegmentMember.objects.filter(until__lte=F("since")).exists()
        assert SegmentMember.objects.filter(segment=cats).count() == 2
        night(at=day(2, 2))
        assert members_of(segment=cats) == {boris}

    def test_is_in_none_once_gone(self, unit, among, people):
        among.holds["cats"] = people
        cats = by_rule(unit, "cats")
        night()
        member = Member.objects.get(pk=people[0])
        erase(member=member, at=day(2, 2))
        cats.refresh_from_db()
        assert cats.counted == 4
        assert not SegmentMember.objects.filter(member=member).exists()
        assert look_at_member(member_id=member.pk, at=day(2, 3)) == 0
        assert look_at_member(member_id=0, at=day(2, 3)) == 0

    def test_waits_for_no_segment_that_fails(self, unit, among, personal, people, caplog):
        among.error = ValueError("nonsense")
        by_rule(unit, "cats")
        among.holds["cats"] = people
        birds = Segment.objects.create(program=unit.program, code="birds", name="Birds", kind="rule", traits=[])
        assert look_at_member(member_id=people[0], at=day(2, 1)) == 0
        assert "cats" in caplog.text
        assert members_of(segment=birds) == frozenset()


class TestASegmentByRule:
    def test_is_exported_with_its_traits(self, unit, among, people):
        among.holds["cats"] = people
        by_rule(unit, "cats")
        night()
        told = export_member(member=Member.objects.get(pk=people[0]), at=day(2, 2))["segments"]
        assert told == [
            {"segment": "Cats", "traits": ["among cats"], "since": day(2, 1).isoformat(), "until": None},
        ]  # fmt: skip

    def test_has_a_page_and_is_exported_where_its_trait_cannot_say_itself(
        self, unit, among, people, admin_client, monkeypatch, caplog
    ):
        among.holds["cats"] = people
        cats = by_rule(unit, "cats")
        night()
        monkeypatch.setattr(Among, "says", lambda self, *, params, program_id: f"at least {params['least']}")
        page = admin_client.get(reverse("admin:loyalty_program_segment_change", args=[cats.pk]))
        assert "something that cannot be said now (among)" in page.text
        told = export_member(member=Member.objects.get(pk=people[0]), at=day(2, 2))["segments"]
        assert [one["traits"] for one in told] == [["something that cannot be said now (among)"]]
        assert "the trait among cannot say what it asks" in caplog.text

    def test_is_left_alone_by_a_merge_until_the_next_look(self, unit, among, people):
        ida, boris, *_others = people
        among.holds["cats"] = [ida]
        cats = by_rule(unit, "cats")
        night()
        members = {"member": Member.objects.get(pk=ida), "into": Member.objects.get(pk=boris), "at": day(2, 2)}
        assert list(SegmentsMove().says(**members)) == []
        assert SegmentsMove().move(**members) == {"was": [], "came": []}
        assert members_of(segment=cats) == {ida}
        Member.objects.filter(pk=ida).update(merged_into=boris)
        among.holds["cats"] = [ida, boris]
        night(day(2, 3))
        assert members_of(segment=cats) == {boris}

    def test_is_not_written_by_hand(self, unit, among, people):
        cats = by_rule(unit, "cats")
        with pytest.raises(LoyaltyError, match="decided by its traits"):
            set_members(segment=cats, member_ids=people, at=day(2, 1))
        assert not SegmentMember.objects.exists()

    def test_that_changes_meanwhile_is_left_to_who_changed_it(self, unit, among, people):
        cats = by_rule(unit, "cats")
        among.holds = {"cats": people, "dogs": people[:1]}
        Segment.objects.filter(pk=cats.pk).update(traits=[{"trait": "among", "params": {"name": "dogs"}}])
        segment_rules.look_at_segment(segment=cats, at=day(2, 1))
        assert members_of(segment=cats) == frozenset()
