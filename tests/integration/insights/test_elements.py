"""What each part of a program did in a year, as the nightly job counts it of rows of every feature."""

from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest

from loyalty_oscar.insights.checkup_tables import advice, checkup, parts
from loyalty_oscar.insights.elements import ElementYear, count_elements, elements, elements_of
from loyalty_oscar.insights.models import Element, Given
from loyalty_oscar.insights.packing import pack
from loyalty_oscar.journeys.carrying import carry_out_one
from loyalty_oscar.journeys.models import Occurrence
from loyalty_oscar.journeys.occasions import is_held_out
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program.models import Member, PointWorth
from loyalty_oscar.redemption.models import Claim, ClaimStep
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import RewardFactory, SchemeFactory
from loyalty_oscar.tiers.models import MemberPrice, Standing
from tests.integration.exclusives.sales import a_sale, a_set
from tests.integration.journeys.deeds import a_campaign, allows, says
from tests.integration.tiers.ladders import a_ladder, known
from tests.storefront import a_club, a_user

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 20, 3, tzinfo=UTC)
NUMBERS = count(1)


@pytest.fixture(autouse=True)
def in_june():
    with clock.at(NOW):
        yield


@pytest.fixture
def unit():
    unit = a_club()
    PointWorth.objects.update_or_create(program=unit.program, currency="EUR", defaults={"points": 100, "minor": 100})
    return unit


def members(unit, number, **more):
    """So many members, each somebody."""
    users = [a_user(f"m{next(NUMBERS)}@example.com") for _one in range(number)]
    told = {"program": unit.program, "joined_at": NOW - timedelta(days=400), **more}
    return Member.objects.bulk_create([Member(user=user, **told) for user in users])


def gave(unit, giver, item, points, accounts=(1,), day=date(2026, 5, 1)):
    told = {"unit": unit, "giver": giver, "item": item, "day": day, "n": 1}
    Given.objects.create(**told, plus=max(0, points), minus=max(0, -points), accounts=pack(accounts))


def ordered(member, at):
    told = {"buyer": f"u:{member.user_id}", "currency": "EUR", "goods_minor": 1, "paid_minor": 1, "pieces": 1}
    told |= {"placed_at": at, "changed_at": at, "order_id": next(NUMBERS)}
    Receipt.objects.create(program=member.program, member=member, **told)


def counted(unit):
    """What the job counts, by kind and item."""
    list(count_elements(at=NOW))
    return {(row.kind, row.item): row for row in elements_of(unit=unit)}


def numbers(row):
    return row.cost, row.uptake, row.could


class TestTheYear:
    def test_begins_365_days_ago_and_ends_with_yesterday(self, unit):
        members(unit, 1)
        for day in (date(2025, 6, 19), date(2025, 6, 20), date(2026, 6, 19), date(2026, 6, 20)):
            gave(unit, "rules", "rule:base", 10, day=day)
        row = counted(unit)["rules", "base"]
        assert (row.cost, row.day) == (20, date(2026, 6, 20))

    def test_is_counted_anew_each_night(self, unit):
        members(unit, 1)
        first = counted(unit)
        assert {place: numbers(row) for place, row in counted(unit).items()} == {
            place: numbers(row) for place, row in first.items()
        }
        Element.objects.update(cost=77)
        assert counted(unit)["rules", "base"].cost == 0

    def test_of_a_program_without_members_is_not_counted(self, unit):
        assert counted(unit) == {}


class TestARule:
    def test_costs_what_it_gave_less_what_it_took_back(self, unit):
        for member in members(unit, 3):
            ordered(member, NOW - timedelta(days=30))
        gave(unit, "rules", "rule:base", 500, accounts=[1, 2])
        gave(unit, "rules", "rule:base", -100, accounts=[2, 3], day=date(2026, 5, 2))
        assert numbers(counted(unit)["rules", "base"]) == (400, 3, 3)

    def test_could_be_used_by_who_did_though_the_order_was_of_before(self, unit):
        ordered(*members(unit, 1), NOW - timedelta(days=366))
        gave(unit, "rules", "rule:base", 500, accounts=[1, 2])
        assert numbers(counted(unit)["rules", "base"]) == (500, 2, 2)

    def test_costs_what_nobody_can_say_where_points_have_no_worth(self, unit):
        members(unit, 1)
        gave(unit, "rules", "rule:base", 500)
        PointWorth.objects.all().delete()
        row = counted(unit)["rules", "base"]
        assert row.cost is None
        [told] = parts(unit=unit, rows=[row]).shown()
        assert ("Not known", True) in told


class TestALevel:
    def test_is_used_by_who_stands_on_it_and_costs_gifts_and_what_it_adds(self, unit):
        ladder = known(a_ladder(unit=unit))
        people = members(unit, 4)
        gold = ladder.known_tiers[2]
        Standing.objects.create(member=people[0], tier=gold, rank=3, starts_at=NOW)
        gave(unit, "levels", str(gold.pk), 50)
        gave(unit, "rules", f"tier:{gold.name}", 20)
        found = counted(unit)
        assert numbers(found["levels", str(gold.pk)]) == (70, 1, 4)

    def test_with_member_prices_costs_what_nobody_can_say(self, unit):
        ladder = known(a_ladder(unit=unit))
        members(unit, 1)
        gold, silver = ladder.known_tiers[2], ladder.known_tiers[1]
        MemberPrice.objects.create(tier=gold, product_set=a_set(code="beds"), percent=10, starts_at=NOW - timedelta(9))
        found = counted(unit)
        assert found["levels", str(gold.pk)].cost is None
        assert found["levels", str(silver.pk)].cost == 0


class TestAReward:
    def test_costs_what_one_is_worth_for_each_that_was_used(self, unit):
        reward = RewardFactory(program=unit.program, code="bowl", price=500, cost_minor=700)
        unused = RewardFactory(program=unit.program, code="toy", price=500)
        told = {"reward": reward, "because": {}, "got_at": NOW - timedelta(days=200)}
        people = members(unit, 40)
        for member, days in ((people[0], 10), (people[0], 20), (people[1], 30), (people[2], 366)):
            claim = Claim.objects.create(**told, member=member, key=f"staff:{next(NUMBERS)}", state="used")
            ClaimStep.objects.create(claim=claim, state="used", at=NOW - timedelta(days=days))
        found = counted(unit)
        assert numbers(found["rewards", "bowl"]) == (2_100, 2, 40)
        assert numbers(found["rewards", unused.code]) == (0, 0, 40)
        assert advice(unit=unit, row=found["rewards", "toy"], paid=0) == (
            "wait", "Nobody has used it, and since when it is there is not known.",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("days", "why"),
        [
            (0, "It has been there for 0 days; 90 are needed."),
            (1, "It has been there for 1 day; 90 are needed."),
            (89, "It has been there for 89 days; 90 are needed."),
        ],
    )
    def test_of_late_waits(self, unit, days, why):
        RewardFactory(program=unit.program, code="bowl", price=500)
        members(unit, 40)
        row = counted(unit)["rewards", "bowl"]
        row.since = row.day - timedelta(days=days)
        assert advice(unit=unit, row=row, paid=0) == ("wait", why)


class TestFriends:
    def test_are_used_by_who_brought_one_that_ordered(self, unit):
        assert ("friends", "friends") not in counted(unit)
        SchemeFactory(program=unit.program)
        first, second, *_others = members(unit, 4)
        told = {"program": unit.program, "bound_at": NOW - timedelta(days=100), "least_minor": 0}
        states = ((first, "rewarded", 50), (first, "rewarded", 40), (second, "invited", None))
        for (giver, state, days), newcomer in zip(states, members(unit, 3), strict=True):
            rewarded_at = days and NOW - timedelta(days=days)
            Referral.objects.create(**told, giver=giver, newcomer=newcomer, state=state, rewarded_at=rewarded_at)
        gave(unit, "friends", "giver", 150)
        gave(unit, "friends", "newcomer", 100)
        row = counted(unit)["friends", "friends"]
        assert (numbers(row), row.since) == ((250, 1, 7), date(2026, 3, 12))


class TestASale:
    @pytest.mark.parametrize(
        ("told", "cost", "uptake"),
        [({"quota": 40}, 0, 0), ({"percent": 20, "quota": 40}, None, 0), ({}, 0, None)],
    )
    def test_says_what_is_written_down_of_it_alone(self, unit, told, cost, uptake):
        members(unit, 1)
        a_sale(unit, **told)
        [row] = [row for (kind, _item), row in counted(unit).items() if kind == "sales"]
        assert numbers(row) == (cost, uptake, None)


def came(campaign, people, state="done", days=40, buyers=0):
    """A campaign came to people, or was held back, some days ago; so many of them ordered a day later."""
    at = NOW - timedelta(days=days)
    told = {"campaign": campaign, "program": campaign.program, "state": state, "at": at, "points": 0}
    for member in people:
        Occurrence.objects.create(**told, member=member, source=f"day:{next(NUMBERS)}")
    for member in people[:buyers]:
        ordered(member, at + timedelta(days=1))


class TestACampaign:
    def surprise(self, unit, percent=20):
        unit.program.holdout_percent = percent
        unit.program.save()
        return a_campaign(unit, "surprise", is_public=False, starts_at=NOW - timedelta(days=200))

    def test_is_held_against_those_who_were_left_out(self, unit):
        campaign = self.surprise(unit)
        came(campaign, members(unit, 80), buyers=60)
        came(campaign, members(unit, 60), state="held", buyers=30)
        row = counted(unit)["campaigns", str(campaign.pk)]
        assert (row.told, row.told_bought, row.held, row.held_bought) == (80, 60, 60, 30)
        assert numbers(row) == (0, 60, 80)
        judgement, why = advice(unit=unit, row=row, paid=0)
        assert judgement == "keep"
        # Newcombe's interval of 60 of 80 against 30 of 60.
        assert why.replace("\xa0", " ") == (
            "More of those it came to ordered than of those left out: the difference is between 8.86 % and 39.75 %."
        )

    def test_is_held_against_those_of_the_same_time_alone(self, unit):
        campaign = self.surprise(unit)
        came(campaign, members(unit, 5), days=150, buyers=5)
        came(campaign, members(unit, 4), days=90, buyers=1)
        came(campaign, members(unit, 3), state="held", days=90, buyers=2)
        came(campaign, members(unit, 2), days=40, buyers=2)
        row = counted(unit)["campaigns", str(campaign.pk)]
        assert (row.told, row.told_bought, row.held, row.held_bought) == (4, 1, 3, 2)
        assert advice(unit=unit, row=row, paid=0)[0] == "wait"

    @pytest.mark.parametrize(("allowing", "state"), [(True, "held"), (False, "skipped")])
    def test_leaves_out_only_those_to_whom_it_could_come(self, unit, allowing, state):
        campaign = says(self.surprise(unit, percent=99))
        salt = unit.program.salt
        member = next(one for one in members(unit, 30) if is_held_out(salt=salt, member_id=one.pk, percent=99))
        if allowing:
            allows(member)
        told = {"campaign": campaign, "program": unit.program, "member": member, "state": "planned", "is_open": True}
        row = Occurrence.objects.create(
            **told, source="surprise:2026-06", due_at=NOW, at=NOW, points=0, because={"c": "surprise"}
        )
        carry_out_one(occurrence_id=row.pk, at=NOW)
        row.refresh_from_db()
        assert row.state == state

    def test_says_nothing_of_an_effect_where_nobody_is_left_out(self, unit):
        campaign = a_campaign(unit, "surprise", starts_at=NOW - timedelta(days=200))
        came(campaign, members(unit, 80), buyers=80)
        row = counted(unit)["campaigns", str(campaign.pk)]
        assert (row.told, row.held) == (None, None)
        table = checkup(unit=unit, rows=[row], paid=0)
        [cells] = table.shown()
        assert [cell for cell, _is_number in cells[8:13]] == ["", "", "No comparison group", "", ""]
        assert cells[3][0].endswith("is not known, for nobody was left out to compare with.")

    def test_says_not_enough_data_where_nobody_was_held_out_so_far(self, unit):
        campaign = self.surprise(unit)
        came(campaign, members(unit, 80), buyers=80)
        row = counted(unit)["campaigns", str(campaign.pk)]
        assert (row.held, row.held_bought) == (0, 0)
        assert ("Not enough data", True) in parts(unit=unit, rows=[row]).shown()[0]
        assert advice(unit=unit, row=row, paid=0)[0] == "wait"


class TestLetters:
    def test_are_used_by_who_allows_them(self, unit):
        says(a_campaign(unit, "birthday"))
        people = members(unit, 5)
        for member in people[:2]:
            allows(member)
        assert numbers(counted(unit)["letters", "letters"]) == (None, 2, 5)


class TestAPartOfAStores:
    def test_stands_with_the_others_and_one_that_fails_is_left_out(self, unit):
        members(unit, 1)

        class Stamps:
            title = "Stamp card"

            def __call__(self, *, year):
                told = {"cost": year.cost(("stamps", "a")), "uptake": year.members, "could": year.bought}
                return [ElementYear(item="a", name="Coffee", since=None, **told)]

        class Broken:
            title = "Broken"

            def __call__(self, *, year):
                raise ValueError("no")

        try:
            elements.register("stamps", order=90)(Stamps())
            elements.register("broken", order=5)(Broken())
            found = counted(unit)
        finally:
            elements.unregister("stamps")
            elements.unregister("broken")
        assert numbers(found["stamps", "a"]) == (0, 1, 0)
        assert ("rules", "base") in found
        # Of a kind that has left nothing is shown.
        assert ("stamps", "a") not in {(row.kind, row.item) for row in elements_of(unit=unit)}
