"""What each part of a program did in a year, as the nightly job counts it of rows of every feature."""

from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from django.utils import translation

from loyalty_oscar.earning.models import Rule, RuleVersion
from loyalty_oscar.exclusives.models import Reservation
from loyalty_oscar.insights import operations as rollups
from loyalty_oscar.insights.checkup_tables import advice, checkup, parts
from loyalty_oscar.insights.earning.elements import RuleParts
from loyalty_oscar.insights.elements import ElementYear, count_elements, counted_on, elements, elements_of, name_of
from loyalty_oscar.insights.journeys import elements as letters
from loyalty_oscar.insights.models import Element, Given
from loyalty_oscar.insights.packing import pack
from loyalty_oscar.insights.queries import given
from loyalty_oscar.insights.referrals import elements as friends
from loyalty_oscar.journeys.carrying import carry_out_one
from loyalty_oscar.journeys.models import Occurrence
from loyalty_oscar.journeys.occasions import is_held_out
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program.models import JobRun, Member, PointWorth, Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim, ClaimStep
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.shop.upkeep.doctor import examine
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import ProgramFactory, RewardFactory, SchemeFactory
from loyalty_oscar.tiers.models import Ladder, MemberPrice, Standing, Tier
from tests.integration.exclusives.sales import a_sale, a_set
from tests.integration.journeys.deeds import a_campaign, allows, says
from tests.integration.tiers.ladders import a_ladder, known
from tests.storefront import a_club, a_product, a_user, buy, day

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
    return Receipt.objects.create(program=member.program, member=member, **told)


def counted(unit):
    """What the job counts, by kind and item."""
    list(count_elements(at=NOW))
    return {(row.kind, row.item): row for row in elements_of(unit=unit)}


def numbers(row):
    return row.cost, row.uptake, row.could


class TestTheYear:
    def test_begins_365_days_ago_and_ends_with_yesterday(self, unit):
        members(unit, 1)
        for on in (date(2025, 6, 19), date(2025, 6, 20), date(2026, 6, 19), date(2026, 6, 20)):
            gave(unit, "rules", "rule:base", 10, day=on)
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

    @pytest.mark.parametrize(
        "leave", [lambda rows: rows.update(user=None), lambda rows: rows.delete()], ids=["forgotten", "deleted"]
    )
    def test_of_a_program_whose_last_member_left_goes(self, unit, leave):
        members(unit, 1)
        assert counted(unit)
        leave(Member.objects.filter(program=unit.program))
        assert counted(unit) == {}

    def test_of_a_draft_is_not_counted(self):
        unit = ProgramFactory(live=None).unit
        members(unit, 1)
        assert counted(unit) == {}


TODAY = "It has been there for 0 days; 90 are needed."


def since(unit, kind, item):
    """The day from which customers could have a part, as it was counted."""
    return counted(unit)[kind, item].since


class TestTheDayFromWhichAPartIsThere:
    """The Paw Club went live on 1 January 2025, at noon in UTC."""

    @pytest.fixture(autouse=True)
    def _somebody(self, unit):
        members(unit, 40)

    def version(self, rule, number, valid_from, **more):
        RuleVersion.objects.create(rule=rule, number=number, valid_from=valid_from, **more)

    @pytest.mark.parametrize(
        ("written", "begins"),
        [
            (datetime(2024, 3, 1, tzinfo=UTC), date(2025, 1, 1)),
            (datetime(2024, 12, 31, 23, tzinfo=UTC), date(2025, 1, 1)),
            (datetime(2025, 1, 2, 22, 59, tzinfo=UTC), date(2025, 1, 2)),
            (datetime(2025, 1, 2, 23, tzinfo=UTC), date(2025, 1, 3)),
        ],
    )
    def test_is_not_that_of_a_draft(self, unit, written, begins):
        rule = Rule.objects.create(program=unit.program, unit=unit, code="new", name="New", type="per_amount")
        self.version(rule, 1, written)
        a_sale(unit, public_from=written, doors=(), ends_at=None)
        RewardFactory(program=unit.program, code="bowl", price=500, starts_at=written)
        campaign = a_campaign(unit, "surprise", starts_at=written)
        Ladder.objects.filter(pk=known(a_ladder(unit=unit)).pk).update(set_at=written)
        forget_cache()
        found = counted(unit)
        days = {kind: row.since for (kind, item), row in found.items() if (kind, item) != ("rules", "base")}
        assert days == dict.fromkeys(("rules", "levels", "rewards", "campaigns", "sales"), begins), campaign

    def test_of_a_rule_is_when_it_was_first_on_while_the_program_was_live(self, unit):
        rule = Rule.objects.create(program=unit.program, unit=unit, code="new", name="New", type="per_amount")
        self.version(rule, 1, datetime(2024, 3, 1, tzinfo=UTC))
        self.version(rule, 2, datetime(2024, 9, 1, tzinfo=UTC), is_on=False)
        self.version(rule, 3, datetime(2025, 5, 1, tzinfo=UTC))
        self.version(rule, 4, datetime(2026, 5, 1, tzinfo=UTC))
        assert since(unit, "rules", "new") == date(2025, 5, 1)

    def test_of_a_level_stays_when_another_asks_for_something_else(self, unit):
        ladder = known(a_ladder(unit=unit))
        gold = ladder.known_tiers[2]
        stood = {"tier": gold, "rank": 3, "starts_at": datetime(2025, 8, 1, 12, tzinfo=UTC)}
        Standing.objects.create(member=Member.objects.first(), **stood)
        Ladder.objects.filter(pk=ladder.pk).update(set_at=NOW)
        forget_cache()
        assert since(unit, "levels", str(gold.pk)) == date(2025, 8, 1)
        assert since(unit, "levels", str(ladder.known_tiers[1].pk)) == date(2026, 6, 20)

    @pytest.mark.parametrize(
        ("starts_at", "begins", "why"),
        [
            (None, date(2025, 9, 1), "Nobody used it in the year."),
            (datetime(2025, 7, 1, 12, tzinfo=UTC), date(2025, 7, 1), "Nobody used it in the year."),
            (datetime(2025, 10, 1, 12, tzinfo=UTC), date(2025, 9, 1), "Nobody used it in the year."),
            # Midnight of the program's day is two hours before that of UTC.
            (datetime(2026, 6, 19, 21, 59, tzinfo=UTC), date(2025, 9, 1), "Nobody used it in the year."),
            (datetime(2026, 6, 19, 22, tzinfo=UTC), date(2026, 6, 20), TODAY),
            (datetime(2026, 6, 20, 21, 59, tzinfo=UTC), date(2026, 6, 20), TODAY),
            (datetime(2026, 6, 20, 22, tzinfo=UTC), date(2026, 6, 21), "It begins on 21 June 2026."),
        ],
    )  # fmt: skip
    def test_of_a_reward_is_its_own_or_earlier_if_somebody_had_it(self, unit, starts_at, begins, why):
        reward = RewardFactory(program=unit.program, code="bowl", price=500, starts_at=starts_at)
        had = {"got_at": datetime(2025, 9, 1, 12, tzinfo=UTC), "because": {}, "key": "staff:1"}
        Claim.objects.create(reward=reward, member=Member.objects.first(), **had)
        row = counted(unit)["rewards", "bowl"]
        assert (row.since, advice(unit=unit, row=row, paid=0)[1]) == (begins, why)

    def test_lies_ahead_of_what_is_planned_and_nothing_is_judged(self, unit):
        coming = NOW + timedelta(days=12)
        rule = Rule.objects.create(program=unit.program, unit=unit, code="new", name="New", type="per_amount")
        self.version(rule, 1, coming)
        a_sale(unit, public_from=coming, doors=(), ends_at=None, quota=5)
        RewardFactory(program=unit.program, code="bowl", price=500, starts_at=coming)
        a_campaign(unit, "surprise", starts_at=coming)
        told = [row for place, row in counted(unit).items() if place != ("rules", "base")]
        assert {row.kind for row in told} == {"rules", "sales", "rewards", "campaigns"}
        for row in told:
            assert advice(unit=unit, row=row, paid=0) == ("wait", "It begins on 2 July 2026.")


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
        gave(unit, "rules", f"tier:{gold.rank}", 20)
        found = counted(unit)
        assert numbers(found["levels", str(gold.pk)]) == (70, 1, 4)

    def test_costs_what_it_added_whatever_it_is_called_today(self, unit):
        ladder = known(a_ladder(unit=unit))
        gold = ladder.known_tiers[2]
        Tier.objects.filter(pk=gold.pk).update(percent=200)
        user = a_user()
        member = Member.objects.create(program=unit.program, user=user, joined_at=day(4, 1))
        Standing.objects.create(member=member, tier=gold, rank=3, starts_at=day(4, 1))
        forget_cache()
        buy(user, (a_product(price="30.00"), 1), on=day(5, 1))
        Tier.objects.filter(pk=gold.pk).update(name="Platinum")
        forget_cache()
        list(rollups.count(at=NOW))
        row = counted(unit)["levels", str(gold.pk)]
        assert (name_of(row=row), row.cost) == ("Platinum", 30)
        names = {row.item: row.name for row in given(unit=unit, first=date(2026, 5, 1), last=date(2026, 6, 30))}
        assert names["tier:3"] == "More for level Platinum"

    def test_is_used_by_nobody_who_left(self, unit):
        ladder = known(a_ladder(unit=unit))
        people = members(unit, 4)
        bronze, _silver, gold = ladder.known_tiers
        Tier.objects.filter(pk=bronze.pk).update(threshold=0, points=0)
        forget_cache()
        for member in people[:2]:
            Standing.objects.create(member=member, tier=gold, rank=3, starts_at=NOW)
        Member.objects.filter(pk__in=[people[0].pk, people[3].pk]).update(user=None)
        found = counted(unit)
        assert [numbers(found["levels", str(tier.pk)])[1:] for tier in (bronze, gold)] == [(1, 2), (1, 2)]

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

    def test_could_be_used_by_who_did_and_left(self, unit):
        reward = RewardFactory(program=unit.program, code="bowl", price=500)
        people = members(unit, 3)
        for number, member in enumerate(people):
            told = {"key": f"staff:{number}", "state": "used", "because": {}, "got_at": NOW - timedelta(days=20)}
            claim = Claim.objects.create(reward=reward, member=member, **told)
            ClaimStep.objects.create(claim=claim, state="used", at=NOW - timedelta(days=10))
        Member.objects.filter(pk__in=[people[0].pk, people[1].pk]).update(user=None)
        assert numbers(counted(unit)["rewards", "bowl"])[1:] == (3, 3)


USED = "It is used. Whether it brings orders is not known, for nobody was left out to compare with."
#: Newcombe's interval of 180 of 300 against 80 of 200, and of 130 of 260 against as many.
MORE = "More of those it came to ordered than of those left out: the difference is between 11.08 % and 28.47 %."
FEWER = "Fewer of those it came to ordered than of those left out: the difference is between −28.47 % and −11.08 %."
SAME = "No difference is shown to those who were left out: it is between −8.53 % and 8.53 %."
NO_DATA = "Not enough data: 30 must have ordered of those it came to, and as many of those left out."


class TestTheSentence:
    @pytest.mark.parametrize(
        ("known", "said", "why"),
        [
            ({"since": 1}, "wait", "It begins on 21 June 2026."),
            ({"since": 0}, "wait", "It has been there for 0 days; 90 are needed."),
            ({"since": -1}, "wait", "It has been there for 1 day; 90 are needed."),
            ({"since": -89}, "wait", "It has been there for 89 days; 90 are needed."),
            ({"since": -90}, "keep", USED),
            ({"since": None, "uptake": 0}, "wait", "Nobody has used it, and since when it is there is not known."),
            ({"since": None}, "keep", USED),
            ({"uptake": None}, "wait", "Who uses it is not counted, so nothing can be said of it."),
            ({"uptake": 0, "could": 0}, "wait", "There were 0 members who could use it; 30 are needed."),
            ({"could": 1}, "wait", "There was 1 member who could use it; 30 are needed."),
            ({"could": 29}, "wait", "There were 29 members who could use it; 30 are needed."),
            ({"could": 30}, "keep", USED),
            ({"uptake": 0}, "stop", "Nobody used it in the year."),
            ({"uptake": 1, "could": 101}, "change", "Only 0.99 % of those who could use it."),
            ({"uptake": 1, "could": 100}, "keep", USED),
            ({"cost": 10_000}, "keep", USED),
            ({"cost": 10_001}, "change", "It cost €100.01, which is more than 10 % of what members paid."),
            ({"told": (300, 180), "held": (200, 80)}, "keep", MORE),
            ({"told": (200, 80), "held": (300, 180)}, "stop", FEWER),
            ({"told": (260, 130), "held": (260, 130)}, "change", SAME),
            ({"told": (300, 180), "held": (200, 29)}, "wait", NO_DATA),
            ({"told": (300, 29), "held": (200, 80)}, "wait", NO_DATA),
        ],
    )
    def test_says_why_to_the_day_the_member_and_the_cent(self, unit, known, said, why):
        told = {"kind": "rules", "item": "base", "day": NOW.date(), "cost": 0, "uptake": 1, "could": 30, "since": -365}
        for name, (there, bought) in [(name, known.pop(name)) for name in ("told", "held") if name in known]:
            told |= {name: there, f"{name}_bought": bought}
        told |= known
        told["since"] = None if told["since"] is None else NOW.date() + timedelta(days=told["since"])
        found, sentence = advice(unit=unit, row=Element(program=unit.program, **told), paid=100_000)
        assert (found, sentence.replace("\xa0", " ")) == (said, why)


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

    def test_is_used_by_who_bought_in_the_year(self, unit):
        sale = a_sale(unit, quota=40, public_from=NOW - timedelta(days=500), ends_at=None)
        first, second = members(unit, 2)
        # The year begins with 20 June of the program, two hours before that of UTC.
        begin = datetime(2025, 6, 19, 22, tzinfo=UTC)
        ends = datetime(2026, 6, 19, 22, tzinfo=UTC)
        for who, at in ((first, begin - timedelta(seconds=1)), (second, ends)):
            bought_of(sale, who, at)
        assert numbers(counted(unit)["sales", str(sale.pk)]) == (0, 0, None)
        for who, at in ((first, begin), (first, ends - timedelta(seconds=1)), (second, begin)):
            bought_of(sale, who, at)
        bought_of(sale, second, begin, quantity=0)
        assert numbers(counted(unit)["sales", str(sale.pk)]) == (0, 2, None)
        merge(member=first, into=second, actor="staff:1", at=NOW)
        assert numbers(counted(unit)["sales", str(sale.pk)]) == (0, 1, None)

    def test_of_members_alone_is_there_from_its_first_door_on(self, unit):
        members(unit, 1)
        opens = datetime(2026, 5, 9, tzinfo=UTC)
        sale = a_sale(unit, public_from=None, doors=((3, opens), (2, opens + timedelta(days=1))))
        nobodys = a_sale(unit, public_from=None, doors=(), code="nobody")
        found = counted(unit)
        assert found["sales", str(sale.pk)].since == date(2026, 5, 9)
        assert ("sales", str(nobodys.pk)) not in found


def bought_of(sale, member, at, quantity=1):
    """Somebody ordered pieces of a sale."""
    order = ordered(member, at)
    told = {"sale": sale, "user_id": str(member.user_id), "order_id": order.order_id, "quantity": quantity}
    Reservation.objects.create(**told)


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


class TestANameThatNobodyGave:
    def test_is_said_in_the_language_of_who_reads_it(self, unit, monkeypatch):
        for module in (letters, friends):
            monkeypatch.setattr(module, "pgettext", lambda _context, text: f"{text} ({translation.get_language()})")
        says(a_campaign(unit, "birthday"))
        SchemeFactory(program=unit.program)
        members(unit, 1)
        with translation.override("pl"):
            rows = list(counted(unit).values())
        with translation.override("de"):
            shown = {cells[0][0] for cells in parts(unit=unit, rows=rows).shown()}
        assert {"Members bring friends (de)", "Letters of campaigns (de)"} < shown


class TestAPartOfAStores:
    def test_stands_with_the_others(self, unit):
        members(unit, 1)

        class Stamps:
            title = "Stamp card"

            def __call__(self, *, year):
                told = {"cost": year.cost(("stamps", "a")), "uptake": year.members, "could": year.bought}
                return [ElementYear(item="a", name="Coffee", since=None, **told)]

        elements.register("stamps", order=90)(Stamps())
        try:
            found = counted(unit)
        finally:
            elements.unregister("stamps")
        assert numbers(found["stamps", "a"]) == (0, 1, 1)
        assert ("rules", "base") in found
        # Of a kind that has left nothing is shown.
        assert ("stamps", "a") not in {(row.kind, row.item) for row in elements_of(unit=unit)}
        counted(unit)
        assert not Element.objects.filter(kind="stamps").exists()

    def test_of_a_program_that_fails_keep_no_other_from_being_counted(self, unit):
        members(unit, 1)
        other = ProgramFactory(code="other", is_default=False, live__at=NOW - timedelta(days=400)).unit
        members(other, 1)
        Program.objects.filter(pk=unit.program_id).update(time_zone="Mars/Olympus")
        with pytest.raises(LoyaltyError, match=r"parts that could not be counted: .*Mars/Olympus"):
            list(count_elements(at=NOW))
        assert {row.program_id for row in Element.objects.all()} == {other.program_id}

    def test_that_fails_keeps_what_was_counted_and_says_of_when_it_is(self, unit, monkeypatch):
        members(unit, 1)
        says(a_campaign(unit, "birthday"))
        list(count_elements(at=NOW - timedelta(days=2)))

        def fails(self, *, year):
            raise ValueError("no")

        monkeypatch.setattr(RuleParts, "__call__", fails)
        list(jobs.run(only="rollups-parts", at=NOW))
        error = JobRun.objects.get(name="rollups-parts").error
        assert error.startswith("LoyaltyError: parts that could not be counted: ")
        assert error.endswith(" (LoyaltyError: rules: ValueError: no)")
        told = [finding.text for finding in examine(at=NOW) if finding.about == "jobs"]
        assert any(error in text for text in told), told
        rows = elements_of(unit=unit)
        assert {row.kind: row.day for row in rows} == {
            "rules": date(2026, 6, 18),
            "campaigns": date(2026, 6, 20),
            "letters": date(2026, 6, 20),
        }
        assert counted_on(rows=rows) == date(2026, 6, 20)
        names = [cells[0][0] for cells in parts(unit=unit, rows=rows).shown()]
        assert [name for name in names if "as counted on" in name] == ["Base, as counted on 18 June 2026"]
        monkeypatch.undo()
        assert {row.day for row in counted(unit).values()} == {date(2026, 6, 20)}
