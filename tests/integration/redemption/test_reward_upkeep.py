"""Rewards beside the pages: what a member takes along and leaves, what the doctor sees, what uninstalling keeps."""

import json
from datetime import timedelta

import pytest

from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.program.models import Reward
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim, RewardCode
from loyalty_oscar.redemption.operations import buy, fulfil, give_back, show_code
from loyalty_oscar.shop.redemption.rewards.doctor import FEW
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import LadderFactory, MemberFactory, RewardFactory
from tests.integration.commands.calling import manage
from tests.integration.commands.test_doctor import found
from tests.storefront import TODAY, a_user

pytestmark = pytest.mark.django_db
MANY = [f"SPA-{number}" for number in range(FEW)]


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


@pytest.fixture
def member(unit):
    """Boris, with 512 paws."""
    told = {"points": 512, "points__at": TODAY, "points__expires_at": None}
    return MemberFactory(program=unit.program, user=a_user(), **told)


def have(member, *, key="1", text="", **about):
    told = {"name": "A grooming", "price": 5, **about}
    return buy(reward=RewardFactory(**told), member=member, key=key, text=text, at=TODAY)


class TestWhatAMemberTakesAlong:
    def test_is_each_reward_with_what_was_written_about_it(self, member):
        claim = have(member, text="Mondays, please", valid_days=30)
        give_back(claim=claim, note="She asked for it", actor="staff:1", at=TODAY)
        assert json.loads(json.dumps(export_member(member=member, at=TODAY)))["rewards"] == [
            {
                "reward": "A grooming",
                "since": "2026-05-06T10:00:00+00:00",
                "until": "2026-06-05T22:00:00+00:00",
                "paid_points": 5,
                "order": None,
                "state": "back",
                "why": "The shop took “A grooming” back",
                "wrote": "Mondays, please",
                "reasons": ["She asked for it"],
                "code": None,
            }
        ]

    def test_has_the_code_of_what_is_used_alone(self, member):
        claim = have(member, codes=["SPA-1"])
        (row,) = export_member(member=member, at=TODAY)["rewards"]
        assert (row["state"], row["code"], row["until"]) == ("open", None, None)
        show_code(claim=claim, at=TODAY)
        (row,) = export_member(member=member, at=TODAY)["rewards"]
        assert (row["state"], row["code"]) == ("used", "SPA-1")


class TestWhoLeaves:
    def test_leaves_the_reward_and_no_word(self, member):
        claim = have(member, text="Boris of Berlin")
        give_back(claim=claim, note="Boris called", actor="staff:1", at=TODAY)
        for _time in range(2):
            erase(member=member, at=TODAY)
        claim.refresh_from_db()
        assert (claim.text, claim.state, claim.paid, claim.member_id) == ("", "back", 5, member.pk)
        assert {*claim.steps.values_list("note", flat=True)} == {""}
        assert claim.steps.count() == 3


class TestTheDoctor:
    def test_says_nothing_where_all_is_well(self, member):
        LadderFactory(program=member.program)
        have(member, rank=0), have(member, key="2", codes=[*MANY, "SPA-more"]), RewardFactory(rank=3)
        RewardFactory(codes=[], is_on=False), RewardFactory(codes=[], ends_at=TODAY)
        assert found("rewards") == []

    def test_names_a_kind_that_nobody_registered(self, member):
        RewardFactory(name="A ride", kind="balloon")
        [(level, text)] = found("rewards")
        assert level == "error"
        assert "“A ride” is of the kind 'balloon', which is not registered" in text

    @pytest.mark.parametrize(
        ("codes", "level", "says"),
        [([], "warning", "has no code left: nobody can have it"), (MANY[1:], "note", f"has few codes left: {FEW - 1}")],
    )
    def test_counts_the_codes_that_are_left(self, member, codes, level, says):
        RewardFactory(name="A spa day", codes=codes)
        [(found_level, text)] = found("rewards")
        assert found_level == level
        assert f"“A spa day” {says}" in text

    def test_counts_no_code_that_somebody_has(self, member):
        have(member, codes=MANY)
        [(_level, text)] = found("rewards")
        assert f"has few codes left: {FEW - 1}" in text

    def test_knows_who_waits_for_a_code(self, member):
        claim = have(member, codes=[*MANY, "one", "two"])
        RewardCode.objects.filter(claim=claim).delete()
        [(level, text)] = found("rewards")
        assert level == "warning"
        assert "members have “A grooming” and wait for a code: 1" in text

    def test_finds_a_level_that_is_not_there(self, member):
        RewardFactory(name="A trip", rank=7)
        forget_cache()
        [(level, text)] = found("rewards")
        assert level == "warning"
        assert "“A trip” is for level 7 and above, which is not there" in text

    def test_minds_who_waits_for_staff_longer_than_a_week(self, member):
        have(member), fulfil(claim=have(member, key="2"), actor="staff:1", at=TODAY)
        with clock.at(TODAY + timedelta(days=7)):
            assert found("rewards") == []
        with clock.at(TODAY + timedelta(days=7, seconds=1)):
            [(level, text)] = found("rewards")
        assert level == "warning"
        assert "asked for more than 7 days ago: 1" in text

    @pytest.mark.parametrize("wrong", ["paid", "not back", "back"])
    def test_holds_what_was_paid_against_the_ledger(self, member, wrong):
        first, second = have(member), have(member, key="2")
        give_back(claim=first, note="why", actor="staff:1", at=TODAY)
        assert found("rewards") == []
        if wrong == "paid":
            Claim.objects.filter(pk=second.pk).update(paid=6)
        if wrong == "not back":
            Claim.objects.filter(pk=first.pk).update(state="used")
        if wrong == "back":
            Hold.objects.filter(claim=first).update(returned=4)
        [(level, text)] = found("rewards")
        assert level == "error"
        assert f"1 (claim {second.pk if wrong == 'paid' else first.pk})" in text


class TestUninstalling:
    def test_exports_what_members_have_and_leaves_what_the_program_offers(self, member, tmp_path, monkeypatch):
        from loyalty_oscar.shop.upkeep import uninstall

        have(member, codes=["SPA-1"])
        monkeypatch.setattr(uninstall, "take_away", lambda *, names: iter([]))
        assert manage("uninstall --app redemption --yes --export", tmp_path / "out").code == 0
        rows = {path.stem: len(path.read_text().splitlines()) for path in (tmp_path / "out").iterdir()}
        assert rows == {
            "loyalty_redemption_claim": 1,
            "loyalty_redemption_claimstep": 1,
            "loyalty_redemption_rewardcode": 1,
            "loyalty_redemption_redemption": 0,
            "loyalty_redemption_useterms": 0,
            "loyalty_redemption_useterms_excluded_sets": 0,
            "loyalty_redemption_leastorder": 0,
        }
        assert Reward.objects.count() == 1
        assert "program_reward" in " ".join(table.model._meta.db_table for table in uninstall.tables(names=["program"]))
