"""Campaigns: each occasion once, taken back, given again, and never more than the budget."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from loyalty_oscar.journeys.carrying import carry_out
from loyalty_oscar.journeys.models import Campaign, Occurrence
from loyalty_oscar.journeys.occasions import Occasion, occasions
from loyalty_oscar.journeys.operations import act, take_back, undo_act, use_word
from loyalty_oscar.journeys.planning import tell
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.ledger.models import Entry, Lot
from loyalty_oscar.ledger.operations import capture, place_hold
from loyalty_oscar.ledger.operations.desk import open_account
from loyalty_oscar.people.operations import forget_birthday, save_birthday
from loyalty_oscar.program.models import Event
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.testing.factories import RewardFactory
from tests.integration.ledger.books import assert_clean
from tests.storefront import TODAY, a_user, day

from .deeds import a_campaign, a_member, a_night, allows, has, says

pytestmark = pytest.mark.django_db
KINDS = pytest.mark.parametrize(
    ("kind", "detail"), [("sign-up", ""), ("review", "42"), ("birthday", "2026"), ("word", "7")]
)


def given(unit, member, kind, detail="", at=TODAY, **more):
    """Whether an occasion brought a member points now."""
    return act(program=unit.program, user_id=member.user_id, occasion=kind, detail=detail, at=at, **more) is not None


class TestACampaign:
    @KINDS
    def test_brings_its_points_once(self, unit, kind, detail):
        campaign, member = a_campaign(unit, kind), a_member(unit)

        assert [given(unit, member, kind, detail) for _time in range(3)] == [True, False, False]
        assert has(member) == (50, 0)
        key = ":".join(filter(None, ("campaign", str(campaign.pk), kind, detail)))
        assert list(Entry.objects.values_list("key", flat=True)) == [key]
        campaign.refresh_from_db()
        assert campaign.spent == 50
        assert_clean()

    @KINDS
    def test_is_taken_back_once_and_given_again(self, unit, kind, detail):
        campaign, member = a_campaign(unit, kind), a_member(unit)
        told = {"user_id": member.user_id, "occasion": kind, "detail": detail, "at": TODAY}
        seen = []
        for _time in range(3):
            given(unit, member, kind, detail)
            seen.append(has(member))
            assert [undo_act(**told), undo_act(**told)] == [50, 0]
            seen.append(has(member))

        assert seen == [(50, 0), (0, 0)] * 3
        campaign.refresh_from_db()
        assert campaign.spent == 0
        assert_clean()

    @pytest.mark.parametrize("length", [41, 47, 48, 49, 64])
    def test_may_have_a_detail_as_long_as_what_counts_once(self, unit, length):
        """A store's own occasions are told with keys of its own, such as a UUID."""
        campaign, member, detail = a_campaign(unit, "review"), a_member(unit), "a" * (length - 1)
        other = f"{detail[:-1]}b"
        assert given(unit, member, "review", detail)
        assert given(unit, member, "review", other)
        assert has(member) == (100, 0)
        told = {"user_id": member.user_id, "occasion": "review", "at": TODAY}
        assert undo_act(detail=detail, **told) == 50
        assert has(member) == (50, 0)
        assert undo_act(detail=other, **told) == 50
        assert given(unit, member, "review", detail)
        assert has(member) == (50, 0)
        assert Entry.objects.filter(key=f"campaign:{campaign.pk}:review:{detail}").exists()
        assert len(set(Lot.objects.values_list("source", flat=True))) == 2
        assert_clean()

    def test_taken_back_after_its_points_were_used_leaves_them_to_be_made_up(self, unit):
        a_campaign(unit), (member := a_member(unit))
        given(unit, member, "review", "42")
        account_id = member.accounts.get().pk
        because = Because("for_tests")
        hold = place_hold(
            account_id=account_id, points=30, slot="basket:1", because=because, expires_at=day(6, 1), at=TODAY
        )
        capture(hold_id=hold.pk, account_id=account_id, points=30, because=because, at=TODAY)
        undo_act(user_id=member.user_id, occasion="review", detail="42", at=TODAY)

        assert has(member) == (0, 30)
        assert_clean()

    @KINDS
    def test_taken_back_by_staff_is_not_given_again(self, unit, kind, detail):
        campaign, member = a_campaign(unit, kind), a_member(unit)
        given(unit, member, kind, detail)
        occurrence = Occurrence.objects.get()

        assert [take_back(occurrence=occurrence, actor="staff:1", at=TODAY) for _time in range(2)] == [50, 0]
        assert not given(unit, member, kind, detail)
        assert has(member) == (0, 0)
        campaign.refresh_from_db()
        assert campaign.spent == 0
        assert_clean()

    def test_brings_each_detail_its_own_points(self, unit):
        a_campaign(unit), (member := a_member(unit))

        assert all(given(unit, member, "review", detail) for detail in ("4", "42"))
        undo_act(user_id=member.user_id, occasion="review", detail="4", at=TODAY)
        assert has(member) == (50, 0)

    def test_leaves_a_member_alone_to_whom_it_came_a_short_while_ago(self, unit):
        a_campaign(unit, rest_days=30), (member := a_member(unit))
        days = (day(5, 6), day(6, 4), day(6, 5), day(6, 6))

        assert [given(unit, member, "review", str(on.day), at=on) for on in days] == [True, False, True, False]
        assert given(unit, member, "review", "4", at=day(7, 5)), "what came to nothing then comes when it is told anew"
        assert has(member) == (150, 0)

    def test_that_rests_leaves_its_place_to_one_that_gives_less(self, unit):
        a_campaign(unit, points=80, rest_days=30), a_campaign(unit, points=20)
        member = a_member(unit)

        assert [given(unit, member, "review", detail) for detail in ("1", "2")] == [True, True]
        assert has(member) == (100, 0)

    def test_that_rests_gives_again_what_was_taken_back(self, unit):
        a_campaign(unit, rest_days=30), (member := a_member(unit))
        given(unit, member, "review", "1")
        undo_act(user_id=member.user_id, occasion="review", detail="1", at=TODAY)

        assert given(unit, member, "review", "1")

    def test_of_several_gives_the_one_that_gives_most_and_only_that(self, unit):
        a_campaign(unit, points=20), a_campaign(unit, points=80), a_campaign(unit, points=90, is_on=False)
        member = a_member(unit)

        assert [given(unit, member, "review", "1") for _time in range(2)] == [True, False]
        assert has(member) == (80, 0)

    @pytest.mark.parametrize(
        "fields",
        [
            {"is_on": False},
            {"starts_at": TODAY + timedelta(seconds=1)},
            {"ends_at": TODAY},
            {"budget": 49},
            {"occasion": "word"},
        ],
    )
    def test_out_of_force_brings_nothing_and_moves_nothing(self, unit, fields):
        campaign, member = a_campaign(unit, **fields), a_member(unit)

        assert not given(unit, member, "review", "1")
        assert not Entry.objects.exists() and not Occurrence.objects.exists()
        campaign.refresh_from_db()
        assert campaign.spent == 0

    def test_counts_by_when_it_happened(self, unit):
        a_campaign(unit, ends_at=TODAY), (member := a_member(unit))

        assert not given(unit, member, "review", "1", happened_at=TODAY)
        assert given(unit, member, "review", "1", happened_at=TODAY - timedelta(seconds=1))

    def test_of_a_paused_program_brings_nothing(self, unit):
        a_campaign(unit), (member := a_member(unit))
        change_state(program=unit.program, to="paused", actor="system", at=TODAY - timedelta(hours=1))

        assert not given(unit, member, "review", "1")
        assert not Entry.objects.exists()

    def test_joins_where_people_join_by_themselves_and_nobody_else(self, unit):
        a_campaign(unit)
        told = {"occasion": "review", "detail": "1", "at": TODAY, "program": unit.program}
        assert act(user_id=a_user("new@example.com").pk, **told)

        unit.program.enrolment = "opt_in"
        unit.program.save()
        assert act(user_id=a_user("other@example.com").pk, **told) is None
        assert Occurrence.objects.count() == 1

    def test_with_a_mark_brings_points_once_in_the_program(self, unit):
        a_campaign(unit, "sign-up")
        first, second = a_member(unit), a_member(unit, "boris2@example.com")

        assert [given(unit, one, "sign-up", mark="a-mailbox") for one in (first, second)] == [True, False]
        assert (has(first), has(second)) == ((50, 0), (0, 0))

    def test_nobody_registered_is_refused(self, unit):
        with pytest.raises(LoyaltyError):
            given(unit, a_member(unit), "juggling")
        assert not Entry.objects.exists()


class TestALongSource:
    @pytest.mark.parametrize("length", [48, 49, 50, 51, 52, 55, 70])
    def test_brings_points_once_takes_them_back_and_gives_them_again(self, unit, length):
        kind = "product-questionnaire"
        occasions.register(kind)(Occasion())
        try:
            member, details = a_member(unit), []
            a_campaign(unit, kind)
            for last in "ab":  # Two that differ at their ends alone.
                details.append("9" * (length - len(kind) - 2) + last)
            assert [given(unit, member, kind, detail) for detail in (*details, *details)] == [True, True, False, False]
            assert has(member) == (100, 0)
            told = {"user_id": member.user_id, "occasion": kind, "at": TODAY}
            assert [undo_act(**told, detail=details[0]) for _time in range(2)] == [50, 0]
            assert has(member) == (50, 0)
            assert given(unit, member, kind, details[0])
            assert has(member) == (100, 0)
            assert Lot.objects.values("source").distinct().count() == 2
            assert_clean()
        finally:
            occasions.unregister(kind)


class TestTheBudget:
    def test_is_kept_to_the_point(self, unit):
        campaign = a_campaign(unit, budget=120)
        members = [a_member(unit, f"m{n}@example.com") for n in range(4)]

        assert [given(unit, one, "review", "1") for one in members] == [True, True, False, False]
        campaign.refresh_from_db()
        assert campaign.spent == 100

    def test_takes_back_what_is_withdrawn(self, unit):
        a_campaign(unit, budget=50)
        first, second = a_member(unit), a_member(unit, "second@example.com")
        given(unit, first, "review", "1")
        undo_act(user_id=first.user_id, occasion="review", detail="1", at=TODAY)

        assert given(unit, second, "review", "1")
        assert not given(unit, first, "review", "1")
        assert (has(first), has(second)) == ((0, 0), (50, 0))

    def test_that_is_used_up_lets_the_next_action_give(self, unit):
        a_campaign(unit, points=80, budget=80), a_campaign(unit, points=20)
        first, second = a_member(unit), a_member(unit, "second@example.com")

        assert given(unit, first, "review", "1") and given(unit, second, "review", "1")
        assert (has(first), has(second)) == ((80, 0), (20, 0))


class TestACodeWord:
    def used(self, unit, member, word, at=TODAY):
        return use_word(program=unit.program, user_id=member.user_id, word=word, at=at) is not None

    def test_brings_its_points_once_however_it_is_typed(self, unit):
        a_campaign(unit, "word", word="summer26"), (member := a_member(unit))

        assert [self.used(unit, member, word) for word in ("Summer-26", "SUMMER26")] == [True, False]
        assert has(member) == (50, 0)

    def test_is_one_of_several_that_bring_points_each(self, unit):
        a_campaign(unit, "word", word="summer"), a_campaign(unit, "word", word="winter", points=10)
        member = a_member(unit)

        assert self.used(unit, member, "summer") and self.used(unit, member, "winter")
        assert has(member) == (60, 0)

    @pytest.mark.parametrize("word", ["", "autumn", "summ", "<b>", "summerr"])
    def test_that_nobody_set_brings_nothing(self, unit, word):
        a_campaign(unit, "word", word="summer"), a_campaign(unit, "word", code="wordless", word=None)

        assert not self.used(unit, a_member(unit), word)
        assert not Entry.objects.exists()


class TestABirthday:
    def gifts(self, *ats):
        return [a_night(at) for at in ats]

    def test_brings_a_gift_once_a_year(self, unit):
        a_campaign(unit, "birthday"), (member := a_member(unit))
        save_birthday(member=member, day=5, month=6, at=TODAY)

        assert self.gifts(day(6, 4), day(6, 5), day(6, 5), day(6, 6)) == [0, 1, 0, 0]
        assert self.gifts(day(6, 5, 2027), day(6, 7, 2027)) == [1, 0]
        assert set(Occurrence.objects.values_list("source", flat=True)) == {"birthday:2026", "birthday:2027"}

    def test_told_anew_brings_no_second_gift_in_a_year(self, unit):
        a_campaign(unit, "birthday"), (member := a_member(unit))
        save_birthday(member=member, day=5, month=6, at=TODAY)
        self.gifts(day(6, 5))
        save_birthday(member=member, day=8, month=6, at=day(6, 6))
        forget_birthday(member=member)
        save_birthday(member=member, day=9, month=6, at=day(6, 6))

        assert self.gifts(day(6, 8), day(6, 9), day(12, 31)) == [0, 0, 0]
        assert has(member) == (50, 0)

    def test_told_anew_for_a_later_day_comes_on_that_day(self, unit):
        a_campaign(unit, "birthday", least_orders=0, delay_days=5), (member := a_member(unit, at=day(1, 1)))
        save_birthday(member=member, day=6, month=6, at=day(1, 1))
        a_night(day(6, 6))
        save_birthday(member=member, day=20, month=9, at=day(6, 8))

        assert [a_night(on) for on in (day(6, 11), day(9, 20), day(9, 25), day(9, 26))] == [0, 0, 1, 0]

    def test_comes_late_after_nights_without_a_job_and_belongs_to_its_own_year(self, unit):
        a_campaign(unit, "birthday"), (member := a_member(unit))
        save_birthday(member=member, day=31, month=12, at=TODAY)

        assert self.gifts(day(1, 6, 2027)) == [1]
        assert Occurrence.objects.get().source == "birthday:2026"
        assert self.gifts(day(12, 31, 2027), day(1, 9, 2029)) == [1, 0]

    def test_told_when_it_is_over_brings_nothing_this_year(self, unit):
        a_campaign(unit, "birthday"), (member := a_member(unit))
        save_birthday(member=member, day=4, month=6, at=day(6, 5))

        assert self.gifts(day(6, 5), day(6, 6)) == [0, 0]
        assert not Entry.objects.exists()

    @pytest.mark.parametrize(("year", "on"), [(2027, 28), (2028, 29)])
    def test_on_29_february_brings_one_gift_on_the_day_it_is_kept(self, unit, year, on):
        a_campaign(unit, "birthday"), (member := a_member(unit))
        save_birthday(member=member, day=29, month=2, at=TODAY)

        assert self.gifts(*[day(2, n, year) for n in range(24, 29)], day(3, 1, year)) == [
            *[int(n == on) for n in range(24, 29)],
            int(on == 29),
        ]
        assert Occurrence.objects.count() == 1

    def test_on_29_february_is_one_gift_in_each_year_from_2024_to_2032(self, unit):
        unit.program.phases.update(starts_at=day(1, 1, 2023))
        a_campaign(unit, "birthday"), (member := a_member(unit, at=day(1, 1, 2024)))
        save_birthday(member=member, day=29, month=2, at=day(1, 1, 2024))
        nights = [day(2, 25, year) + timedelta(days=n) for year in range(2024, 2033) for n in range(14)]

        assert sum(self.gifts(*nights)) == 9
        sources = Occurrence.objects.order_by("source").values_list("source", flat=True)
        assert list(sources) == [f"birthday:{year}" for year in range(2024, 2033)]

    def test_before_the_action_began_brings_nothing(self, unit):
        a_campaign(unit, "birthday", starts_at=day(6, 7)), (member := a_member(unit))
        save_birthday(member=member, day=5, month=6, at=TODAY)

        assert self.gifts(day(6, 8)) == [0]

    def test_of_somebody_who_left_brings_nothing(self, unit):
        a_campaign(unit, "birthday"), (member := a_member(unit))
        save_birthday(member=member, day=5, month=6, at=TODAY)
        member.__class__.objects.filter(pk=member.pk).update(user=None)

        assert self.gifts(day(6, 5)) == [0]

    def test_writes_a_letter_with_the_gift(self, unit):
        a_campaign(unit, "birthday"), (member := a_member(unit))
        save_birthday(member=member, day=5, month=6, at=TODAY)
        self.gifts(day(6, 5))

        assert list(Event.objects.values_list("topic", "member_id")) == [("points-gift", member.pk)]

    @pytest.mark.parametrize(("on", "month"), [(30, 2), (31, 6), (0, 5), (5, 13)])
    def test_that_no_year_has_is_refused(self, unit, on, month):
        member = a_member(unit)

        with pytest.raises(LoyaltyError):
            save_birthday(member=member, day=on, month=month, at=TODAY)
        assert not hasattr(member, "birthday")


class TestACampaignThatGivesAReward:
    @KINDS
    def test_gives_it_once_takes_it_back_and_gives_it_again(self, unit, kind, detail):
        reward = RewardFactory(program=unit.program, name="A grooming")
        campaign, member = a_campaign(unit, kind, points=0, reward=reward), a_member(unit)
        told = {"user_id": member.user_id, "occasion": kind, "detail": detail, "at": TODAY}
        seen = []
        for _time in range(2):
            assert [given(unit, member, kind, detail) for _again in range(2)] == [True, False]
            seen.append(Claim.objects.get().state)
            undo_act(**told)
            seen.append(Claim.objects.get().state)

        assert seen == ["open", "back"] * 2
        assert (Claim.objects.get().reward, Entry.objects.count()) == (reward, 0)
        campaign.refresh_from_db()
        assert (campaign.given, campaign.spent) == (0, 0)
        assert {*Event.objects.values_list("topic", flat=True)} == {"reward-got"}

    def test_gives_it_as_often_as_it_may(self, unit):
        reward = RewardFactory(program=unit.program)
        a_campaign(unit, "review", points=0, reward=reward, most=2)
        members = [a_member(unit, f"{number}@example.com") for number in range(3)]
        assert [given(unit, member, "review", "42") for member in members] == [True, True, False]

    def test_counts_by_its_price_beside_one_with_points(self, unit):
        member = a_member(unit)
        a_campaign(unit, "review", points=400)
        best = a_campaign(unit, "review", points=0, reward=RewardFactory(program=unit.program, price=500))
        given(unit, member, "review", "42")
        assert Occurrence.objects.get().campaign == best

    def test_gives_either_points_or_a_reward(self, unit):
        with pytest.raises(IntegrityError), transaction.atomic():
            a_campaign(unit, "review", points=5, reward=RewardFactory(program=unit.program))


class TestCarryingOut:
    """A night of many asks once for a slice what is the same for all."""

    def statements(self, unit, number, **fields):
        """How many statements it takes to carry out a campaign that comes to so many members, with a letter."""
        says(a_campaign(unit, "joined", **fields))
        for place in range(number):
            told = {"program_id": unit.program_id, "occasion": "joined", "happened_at": TODAY, "at": TODAY}
            member = allows(a_member(unit, f"{fields}-{number}-{place}@example.com"))
            open_account(member=member, unit=unit)
            tell(member_id=member.pk, **told)
        with CaptureQueriesContext(connection) as done:
            assert sum(carry_out(at=TODAY)) == number
        Campaign.objects.update(is_on=False)
        forget_cache()
        return sum(not query["sql"].startswith(("SAVEPOINT", "RELEASE")) for query in done)

    @pytest.mark.parametrize(("fields", "most"), [({"points": 0}, 9), ({"points": 50, "is_public": False}, 18)])
    def test_takes_so_many_statements_a_row(self, unit, fields, most):
        few, many = (self.statements(unit, number, **fields) for number in (2, 6))
        assert (many - few) / 4 <= most

    def test_opens_an_account_where_there_is_none(self, unit):
        a_campaign(unit, "joined")
        member = a_member(unit)
        told = {"program_id": unit.program_id, "occasion": "joined", "happened_at": TODAY, "at": TODAY}
        tell(member_id=member.pk, **told)
        assert sum(carry_out(at=TODAY)) == 1
        assert has(member) == (50, 0)
