"""Campaigns whose occasion is found each night, those that are told by the house itself, and who gets none."""

from datetime import date, timedelta

import pytest
from django.core import mail
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from oscar.core.loading import get_model

from loyalty_oscar.journeys.audience import audience
from loyalty_oscar.journeys.found import silent_ones
from loyalty_oscar.journeys.models import Campaign, GoalStep, Occurrence
from loyalty_oscar.journeys.occasions import Occasion, occasions
from loyalty_oscar.journeys.operations import act, undo_act
from loyalty_oscar.journeys.planning import find
from loyalty_oscar.kernel import periods
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.ledger.operations.freezing import freeze
from loyalty_oscar.people.models import Birthday, BuyerStats, Consent, Receipt
from loyalty_oscar.program.models import Member, ProductSet, Program
from loyalty_oscar.program.operations import change_state, join, join_many
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.shop.models import ProductSetRange
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import GoalFactory, RewardFactory, SegmentFactory
from loyalty_oscar.tiers.models import Ladder, Standing
from loyalty_oscar.tiers.operations import settle
from tests.integration.ledger.books import assert_clean
from tests.integration.tiers.ladders import a_ladder, known
from tests.orders import come_back
from tests.storefront import TODAY, a_product, a_user, arrive, buy, day, send_back

from .deeds import a_campaign, a_member, a_night, allows, has, leave, says, whys

pytestmark = pytest.mark.django_db


def people(unit, number, *, at=TODAY):
    """So many members."""
    return [a_member(unit, f"m{one}@example.com", at=at) for one in range(number)]


def a_receipt(unit, member, order_id, *, on, **fields):
    """What an order was."""
    told = {"currency": "EUR", "goods_minor": 2000, "paid_minor": 2000, "pieces": 1, "changed_at": on, **fields}
    return Receipt.objects.create(
        order_id=order_id, program=unit.program, member=member, buyer=f"u:{member.user_id}", placed_at=on, **told
    )


def stats(member, *, late_at):
    """How a member buys, who is late from a moment on."""
    told = {"orders": 4, "spend_minor": 8000, "biggest_minor": 2000, "counted_at": TODAY}
    BuyerStats.objects.update_or_create(member=member, defaults={**told, "late_at": late_at})


class TestACampaignThatFails:
    def test_keeps_no_other_from_its_night_and_is_told(self, unit):
        a_campaign(unit, "day", params={}), a_campaign(unit, "anniversary"), a_member(unit, at=day(5, 6, 2025))

        ran = [*jobs.run(only="campaigns", at=day(5, 6))][-1]

        assert (ran.done, whys()) == (1, [("done", "")])
        assert ran.error.endswith("campaigns for which nobody could be found: 1; the log says why")

    @pytest.mark.parametrize("source", ["Wedding:1", "a wedding", "w" * 71, ""])
    def test_plans_nothing_that_no_ledger_takes(self, unit, source, caplog):
        member = a_member(unit)
        occasions.register("wedding")(Occasion(due=lambda **about: [(member.pk, source, about["until"])]))
        try:
            a_campaign(unit, "wedding")
            ran = [*jobs.run(only="campaigns", at=TODAY)][-1]
        finally:
            occasions.unregister("wedding")

        assert whys() == []
        assert ran.error.endswith("campaigns for which nobody could be found: 1; the log says why")
        assert "what counts once is 1 to 70 of a-z 0-9 : . _ -, not " in caplog.text


class TestTheNight:
    @pytest.mark.parametrize("zone", ["Europe/London", "America/Los_Angeles", "Pacific/Auckland"])
    def test_is_that_of_the_program_wherever_the_server_stands(self, unit, zone):
        unit.program.time_zone = zone
        unit.program.save()
        campaign, member = a_campaign(unit, "day", params={"day": 6, "month": 5}), a_member(unit, at=day(1, 1))
        begins = periods.start_of_day(day=date(2026, 5, 6), zone=zone)
        for hours in (-1, 1):  # Found behind it in the order of campaigns, just before and after that day begins.
            late = a_member(unit, f"late{hours}@example.com", at=day(1, 1))
            a_receipt(unit, late, 9 + hours, on=day(1, 1))
            stats(late, late_at=begins + timedelta(hours=hours))
        a_campaign(unit, "late")

        for hours in range(-30, 3):
            list(jobs.run(only="campaigns", at=begins + timedelta(hours=hours)))

        assert campaign.occurrences.get(member=member).at == begins
        assert [*Occurrence.objects.filter(source__startswith="late").values_list("at", flat=True)] == [
            begins - timedelta(hours=1),
        ]


class TestAnAnniversary:
    def test_comes_each_year_on_the_day_of_joining(self, unit):
        a_campaign(unit, "anniversary"), a_member(unit, at=day(5, 6, 2025))

        assert [a_night(day(5, number)) for number in (5, 6, 7)] == [0, 1, 0]
        assert [a_night(day(5, 9, 2027)), a_night(day(5, 20, 2027))] == [1, 0]
        assert [*Occurrence.objects.values_list("source", flat=True)] == ["anniversary:2026", "anniversary:2027"]

    def test_comes_late_after_nights_without_a_job_and_in_no_year_of_before(self, unit):
        a_campaign(unit, "anniversary"), a_member(unit, at=day(5, 6))

        assert a_night(day(5, 7)) == 0
        assert a_night(day(5, 13, 2027)) == 0
        assert a_night(day(5, 12, 2028)) == 1


class TestWhoIsLate:
    def test_is_told_once_for_each_last_order(self, unit):
        campaign, member = a_campaign(unit, "late"), a_member(unit)
        a_receipt(unit, member, 7, on=day(1, 1))
        stats(member, late_at=day(5, 5))
        assert [a_night(day(5, number)) for number in (4, 5, 6)] == [0, 1, 0]

        a_receipt(unit, member, 8, on=day(5, 20))
        stats(member, late_at=day(7, 1))
        assert a_night(day(7, 2)) == 1
        assert [*campaign.occurrences.order_by("pk").values_list("source", flat=True)] == ["late:7", "late:8"]

    def test_and_orders_before_it_is_carried_out_is_late_no_more(self, unit):
        a_campaign(unit, "late", delay_days=3), (member := a_member(unit))
        a_receipt(unit, member, 7, on=day(1, 1))
        stats(member, late_at=day(5, 5))
        a_night(day(5, 5))
        a_receipt(unit, member, 8, on=day(5, 6))

        assert a_night(day(5, 9)) == 0
        assert whys() == [("skipped", "moment_over")]


class TestAFarewell:
    def test_comes_to_the_day_so_many_months_after_the_last_order_once(self, unit):
        campaign, member = a_campaign(unit, "leaving", params={"months": 6}), a_member(unit)
        a_receipt(unit, member, 6, on=day(1, 1)), a_receipt(unit, member, 7, on=day(1, 5))
        a_receipt(unit, member, 8, on=day(1, 9), is_gone=True)

        assert [a_night(day(7, number)) for number in (1, 4, 5, 6, 9)] == [0, 0, 1, 0, 0]
        a_receipt(unit, member, 9, on=day(8, 31))
        assert [a_night(day(2, number, 2027)) for number in (27, 28)] == [0, 1], "six months after 31 August"
        assert [*campaign.occurrences.order_by("pk").values_list("source", flat=True)] == ["leaving:7", "leaving:9"]

    def test_is_looked_for_in_the_days_of_its_program(self, unit):
        campaign = a_campaign(unit, "leaving", params={"months": 6})
        a_receipt(unit, a_member(unit), 7, on=day(1, 5))
        told = {"program": unit.program, "campaign": campaign, "since": day(7, 4), "until": day(7, 5)}
        with CaptureQueriesContext(connection) as captured:
            assert len([*silent_ones(**told)]) == 1
        name = connection.ops.quote_name
        asked = f"{name(Receipt._meta.db_table)}.{name('program_id')} = "
        assert [asked in query["sql"] for query in captured] == [True]

    def test_does_not_come_to_who_ordered_again_before_it_leaves(self, unit):
        says(a_campaign(unit, "leaving", points=0, params={"months": 6, "question": "farewell"}, delay_days=2))
        silent, back = (allows(a_member(unit, f"{name}@example.com")) for name in ("silent", "back"))
        for number, member in enumerate((silent, back)):
            a_receipt(unit, member, number, on=day(1, 5))
        a_night(day(7, 5))
        a_receipt(unit, back, 9, on=day(7, 6))

        assert (a_night(day(7, 7)), leave(day(7, 7))) == (1, ["Hello"])
        assert whys() == [("done", ""), ("skipped", "moment_over")]
        assert "The prices: http" in mail.outbox[0].body

    def test_asks_a_query_a_day_where_nobody_fell_silent(self, unit, django_assert_max_num_queries):
        a_campaign(unit, "leaving", params={"months": 6})
        for number, member in enumerate(people(unit, 5)):
            a_receipt(unit, member, number, on=day(1, 5))
        with django_assert_max_num_queries(9):  # Of the week that is looked back.
            assert list(find(at=day(5, 5))) == []


class TestADayOfTheYear:
    def test_comes_to_all_of_a_segment_once_a_year(self, unit):
        first, second, _third = people(unit, 3)
        segment = SegmentFactory(program=unit.program, members=[first, second], members__at=TODAY)
        a_campaign(unit, "day", params={"month": 12, "day": 6}, segment=segment)

        assert [a_night(day(12, number)) for number in (5, 6, 7)] == [0, 2, 0]
        assert {*Occurrence.objects.values_list("member", "source")} == {
            (first.pk, "day:2026-12-06"),
            (second.pk, "day:2026-12-06"),
        }
        assert a_night(day(12, 6, 2027)) == 2

    @pytest.mark.parametrize(
        ("campaign", "wanted"),
        [({"points": 50}, 3), ({"points": 50, "is_public": False}, 1), ({"points": 0}, 1)],
        ids=["a promise", "a surprise", "a letter alone"],
    )
    def test_plans_nothing_for_whom_only_a_letter_would_reach_that_may_not_go(self, unit, campaign, wanted):
        first, second, _third = people(unit, 3)
        allows(first)
        campaign = says(a_campaign(unit, "day", params={"month": 12, "day": 6}, **campaign))
        assert audience(campaign=campaign, at=day(12, 6)).without == 2
        assert (a_night(day(12, 6)), Occurrence.objects.count()) == (wanted, wanted)

        allows(second)
        assert a_night(day(12, 8)) == (wanted == 1), "it is still found"
        assert_clean()


class TestSurprises:
    def test_of_three_a_month_over_a_year_reach_36_people_and_nobody_twice(self, unit):
        people(unit, 50)
        a_campaign(unit, "surprise", params={"members": 3}, is_public=False)
        found = [a_night(day(month, number, 2027)) for month in range(1, 13) for number in (1, 2, 3)]

        assert found == [3, 0, 0] * 12
        assert Occurrence.objects.values("member").distinct().count() == Occurrence.objects.count() == 36
        assert a_night(day(1, 1, 2028)) == 3, "who was surprised a year ago may be so again"
        assert_clean()

    def test_never_reach_who_is_left_out_for_life_beside_whom_they_are_compared(self, unit):
        unit.program.holdout_percent = 50
        unit.program.save()
        people(unit, 80)
        a_campaign(unit, "surprise", params={"members": 20}, is_public=False)

        assert a_night(day(6, 1)) == 20
        held = Occurrence.objects.filter(state="held")
        assert 1 <= held.count() <= 60, "of so many that chance leaves nobody out once in a million runs"
        assert {row.because["c"] for row in held} == {"held_back"}
        assert not Entry.objects.filter(account__member__in=held.values("member")).exists()

    def test_are_drawn_among_those_who_may_be_told(self, unit):
        members = people(unit, 6)
        allows(members[2]), allows(members[4])
        says(a_campaign(unit, "surprise", params={"members": 3}, is_public=False))

        assert a_night(day(6, 1)) == 2
        assert {*Occurrence.objects.values_list("member", flat=True)} == {members[2].pk, members[4].pk}


def a_set(code, product):
    """A product set with one product in it."""
    ranged = get_model("offer", "Range").objects.create(name=code)
    ranged.add_product(product)
    found = ProductSet.objects.create(code=code, name=code.title())
    ProductSetRange.objects.create(product_set=found, range=ranged)
    forget_cache()
    return found


class TestAWarranty:
    def test_ends_once_for_each_set_of_an_order_that_was_kept(self, unit):
        product, member = a_product("Kennel"), a_member(unit, at=day(1, 1, 2025))
        kennels = a_set("kennels", product)
        orders = [buy(member.user, (product, 1), on=day(5, number, 2025)) for number in (5, 6)]
        campaign = a_campaign(unit, "warranty", params={"sets": ["kennels"], "months": 12})
        send_back(orders[1], 1, on=day(5, 8, 2025))

        assert [a_night(day(5, number)) for number in (4, 5, 6, 7)] == [0, 1, 0, 0]
        row = campaign.occurrences.get()
        assert (row.source, row.order_id) == (f"warranty:{orders[0].pk}:{kennels.pk}", orders[0].pk)

    def test_is_not_that_of_an_order_that_was_cancelled_and_nobody_was_told(self, unit):
        order = self.bought(unit)
        type(order).objects.update(status="Cancelled")

        assert a_night(day(5, 5)) == 0
        assert whys() == []

    def bought(self, unit, **fields):
        """What ends for somebody's kennel and lamp, which are of two sets; returns their order."""
        Program.objects.update(letter_days=0)
        kennel, lamp, member = a_product("Kennel"), a_product("Lamp"), allows(a_member(unit, at=day(1, 1, 2025)))
        a_set("kennels", kennel), a_set("lamps", lamp)
        params = {"sets": ["kennels", "lamps"], "months": 12}
        says(a_campaign(unit, "warranty", points=0, params=params, **fields), subject="{product}")
        order = buy(member.user, (kennel, 1), (lamp, 1), on=day(5, 5, 2025))
        leave(day(5, 5, 2025))
        return order

    def test_is_told_of_what_was_bought_of_its_own_set(self, unit):
        self.bought(unit)

        assert a_night(day(5, 5)) == 2
        assert sorted(leave(day(5, 5))) == ["Kennel", "Lamp"]

    def test_goes_with_the_goods_of_its_own_set(self, unit):
        order = self.bought(unit, delay_days=3)
        a_night(day(5, 5))
        send_back(order, 1, on=day(5, 6))

        assert a_night(day(5, 8)) == 1
        assert [subject for subject in leave(day(5, 8)) if subject in ("Kennel", "Lamp")] == ["Lamp"]


class TestToldByTheHouse:
    def test_joining_brings_what_is_set_up_for_it(self, unit):
        a_campaign(unit, "joined")
        member = join(program=unit.program, user_id=a_user("new@example.com").pk, at=TODAY)
        join(program=unit.program, user_id=member.user_id, at=TODAY)

        assert [a_night(TODAY), a_night(TODAY)] == [1, 0]
        assert has(member) == (50, 0)

    @pytest.mark.parametrize("second", [0, 1])
    def test_joining_at_midnight_counts_by_the_first_moment_of_a_campaign(self, unit, second):
        start = day(6, 1)
        a_campaign(unit, "joined", starts_at=start)
        join(program=unit.program, user_id=a_user("new@example.com").pk, at=start - timedelta(seconds=second))

        assert a_night(start) == 1 - second

    def climbs(self, unit, **campaign):
        """Somebody reaches a level by one order, and the level brings something; returns the order."""
        a_ladder(unit=unit)
        a_campaign(unit, "level", **campaign)
        member = a_member(unit, at=day(1, 1))
        order = arrive(buy(member.user, (a_product(price="900.00"), 1), on=day(5, 1)), on=day(5, 1))
        assert [row.source.split(":")[0] for row in Occurrence.objects.all()] == ["level"]
        return order

    def test_a_level_does_not_bring_it_where_a_return_took_the_level_meanwhile(self, unit):
        send_back(self.climbs(unit, delay_days=2), 1, on=day(5, 2))

        assert a_night(day(5, 4)) == 0
        assert whys() == [("skipped", "campaign_withdrawn")]

    def test_a_level_takes_back_what_it_brought_where_a_return_took_the_level(self, unit):
        order = self.climbs(unit)
        assert a_night(day(5, 1)) == 1
        send_back(order, 1, on=day(5, 2))

        campaign = Campaign.objects.get()
        assert whys() == [("back", "campaign_withdrawn")]
        assert (campaign.given, campaign.spent) == (0, 0)

    def test_a_level_keeps_what_an_earlier_climb_brought(self, unit):
        order = self.climbs(unit)
        assert a_night(day(5, 1)) == 1
        member = Member.objects.get()
        Standing.objects.filter(is_current=True).update(is_current=None)
        Standing.objects.create(member=member, rank=0, starts_at=day(5, 2), because={"c": "tier_down"}, is_current=True)
        other = buy(member.user, (a_product(price="900.00"), 1), on=day(5, 3))
        assert a_night(day(5, 3)) == 1
        send_back(order, 1, on=day(5, 4))
        send_back(arrive(other, on=day(5, 4)), 1, on=day(5, 5))

        assert whys() == [("done", ""), ("back", "campaign_withdrawn")]

    def test_a_level_is_looked_at_with_the_account_locked_first_as_where_its_gift_goes_back(self, unit):
        self.climbs(unit)
        a_night(day(5, 1))
        with CaptureQueriesContext(connection) as found:
            settle(ladder=known(Ladder.objects.get()), member_ids=[Member.objects.get().pk], at=day(5, 2))

        asked = [query["sql"].partition(" FROM ")[2] for query in found]
        tables = [
            table for sql in asked for table in (Account, Standing) if sql.startswith(f'"{table._meta.db_table}"')
        ]
        assert tables[:2] == [Account, Standing]

    @pytest.mark.parametrize("occasion", ["level", "goal"])
    def test_members_who_fall_together_count_budgets_back_in_one_order(self, unit, occasion):
        a_ladder(unit=unit)
        GoalFactory(program=unit.program, metric="orders", target=1, points=5, starts_at=day(1, 1))
        first, second = (a_campaign(unit, occasion, is_on=False) for _ in range(2))
        orders = []
        # The first of them had something of the second campaign alone, and the other way round.
        for member, campaign in zip(people(unit, 2, at=day(1, 1)), (second, first), strict=True):
            Campaign.objects.update(is_on=Q(pk=campaign.pk))
            forget_cache()
            orders.append(arrive(buy(member.user, (a_product(price="900.00"), 1), on=day(5, 1)), on=day(5, 1)))
        Campaign.objects.update(is_on=True)
        forget_cache()
        assert a_night(day(5, 1)) == 2
        with clock.at(day(5, 2)):
            for order in orders:
                come_back(line=order.lines.get(), quantity=1)
        with CaptureQueriesContext(connection) as found:
            sync_orders(order_ids=[order.pk for order in orders], at=day(5, 2))

        assert whys() == [("back", "campaign_withdrawn" if occasion == "level" else "goal_missed")] * 2
        table = Campaign._meta.db_table
        counted = [query["sql"] for query in found if query["sql"].startswith(f'UPDATE "{table}"')]
        assert [int(sql.rpartition(" = ")[2]) for sql in counted] == [first.pk, second.pk]

    def test_a_level_brings_a_reward_once_that_was_used_as_a_return_took_the_level(self, unit):
        order = self.climbs(unit, points=0, reward=RewardFactory(program=unit.program))
        assert a_night(day(5, 1)) == 1
        Claim.objects.update(state="used")
        send_back(order, 1, on=day(5, 2))
        buy(Member.objects.get().user, (a_product(price="900.00"), 1), on=day(5, 3))

        assert (a_night(day(5, 3)), whys(), Claim.objects.count()) == (1, [("done", "")], 1)
        campaign = Campaign.objects.get()
        assert (campaign.given, Claim.objects.get().state) == (1, "used")

    def test_a_level_brings_that_reward_once_however_often_it_is_taken_and_climbed_to(self, unit):
        order = self.climbs(unit, points=0, reward=RewardFactory(program=unit.program))
        assert a_night(day(5, 1)) == 1
        Claim.objects.update(state="used")
        for number in (2, 4, 6):
            send_back(order, 1, on=day(5, number))
            assert whys() == [("back", "campaign_withdrawn")]
            on = day(5, number + 1)
            order = arrive(buy(Member.objects.get().user, (a_product(price="900.00"), 1), on=on), on=on)
            assert (a_night(on), whys()) == (1, [("done", "")])
        assert Claim.objects.count() == 1

    def test_a_level_that_a_store_tells_of_by_itself_is_none_of_ours(self, unit):
        order = self.climbs(unit, least_orders=0)
        member = Member.objects.get()
        act(program=unit.program, user_id=member.user_id, occasion="level", detail="gold", at=day(5, 1))
        Campaign.objects.update(delay_days=1)
        act(program=unit.program, user_id=member.user_id, occasion="level", detail="club", at=day(5, 1))
        assert a_night(day(5, 2)) == 2
        send_back(order, 1, on=day(5, 3))

        states = dict(Occurrence.objects.values_list("source", "state"))
        assert states == {"level:gold": "done", "level:club": "done", "level:3:2026-05-01": "back"}

    def test_a_goal_brings_it_and_takes_it_back_with_what_is_missed_again(self, unit):
        GoalFactory(program=unit.program, metric="orders", target=1, points=5, starts_at=day(1, 1))
        a_campaign(unit, "goal")
        member = a_member(unit, at=day(1, 1))
        order = buy(member.user, (a_product(), 1), on=day(5, 1))
        assert GoalStep.objects.exists()
        assert a_night(day(5, 1)) == 1
        send_back(order, 1, on=day(5, 2))
        assert whys() == [("back", "goal_missed")]


class TestWhatTheStoreTells:
    @pytest.fixture(autouse=True)
    def wedding(self):
        occasions.register("wedding")(Occasion())
        yield
        occasions.unregister("wedding")

    def told(self, unit, member, at=TODAY):
        return act(program=unit.program, user_id=member.user_id, occasion="wedding", at=at)

    def test_is_planned_where_it_comes_later_and_withdrawn_with_it(self, unit):
        a_campaign(unit, "wedding", delay_days=3), (member := a_member(unit))
        assert self.told(unit, member) is None
        undo_act(user_id=member.user_id, occasion="wedding", at=TODAY)
        assert whys() == [("skipped", "campaign_withdrawn")]
        self.told(unit, member)
        assert [a_night(TODAY + timedelta(days=days)) for days in (2, 3, 4)] == [0, 1, 0]
        assert has(member) == (50, 0)

    def test_knows_what_it_is_about_when_it_is_told_anew(self, unit):
        a_campaign(unit, "wedding", delay_days=3), (member := a_member(unit))
        what = {"program": unit.program, "user_id": member.user_id, "occasion": "wedding", "at": TODAY}
        for _time in range(2):
            act(**what, about={"product": "Kennel"})
            row = Occurrence.objects.get()
            assert (row.state, row.because["p"]["product"]) == ("planned", "Kennel")
            undo_act(user_id=member.user_id, occasion="wedding", at=TODAY)
        assert whys() == [("skipped", "campaign_withdrawn")]

    @pytest.mark.parametrize(("is_on", "wanted"), [(True, 80), (False, 20)])
    def test_brings_what_gives_less_where_the_better_one_falls_that_comes_later(self, unit, is_on, wanted):
        best, member = a_campaign(unit, "wedding", points=80, delay_days=3), a_member(unit)
        a_campaign(unit, "wedding", points=20)
        assert self.told(unit, member) is None
        Campaign.objects.filter(pk=best.pk).update(is_on=is_on)
        for days in (3, 4):
            a_night(TODAY + timedelta(days=days))
            self.told(unit, member, TODAY + timedelta(days=days))
        assert has(member) == (wanted, 0)
        assert_clean()

    def test_surprises_at_once_and_beside_what_is_promised(self, unit):
        a_campaign(unit, "wedding", is_public=False, points=7), a_campaign(unit, "wedding")
        member = a_member(unit)
        assert [self.told(unit, member) is not None for _time in range(2)] == [True, False]
        assert has(member) == (57, 0)
        undo_act(user_id=member.user_id, occasion="wedding", at=TODAY)
        assert has(member) == (0, 0)
        assert_clean()


# As in a shop each step commits: PostgreSQL would take a thousand rows that nobody committed yet for none.
@pytest.mark.django_db(transaction=True)
class TestTheBudget:
    def test_of_a_hundred_is_kept_where_a_thousand_are_due_in_a_night(self, unit):
        joined = join_many(program=unit.program, joined_at={a_user(f"m{n}@example.com").pk: TODAY for n in range(1000)})
        Birthday.objects.bulk_create(
            Birthday(member=member, day=6, month=6, set_at=TODAY) for member in joined.values()
        )
        campaign = a_campaign(unit, "birthday", most=100)

        assert a_night(day(6, 6)) == 100
        assert whys().count(("skipped", "nothing_left")) == 900
        Campaign.objects.filter(pk=campaign.pk).update(most=102)
        assert a_night(day(6, 7)) == 2, "as long as it is found, it is tried again"
        assert_clean()


class TestWhoGetsNothing:
    def planned(self, unit, **fields):
        member = a_member(unit)
        Birthday.objects.create(member=member, day=6, month=6, set_at=TODAY)
        return a_campaign(unit, "birthday", **fields), member

    def test_left_meanwhile(self, unit):
        _campaign, member = self.planned(unit, delay_days=1)
        a_night(day(6, 6))
        Member.objects.filter(pk=member.pk).update(user=None)
        assert a_night(day(6, 8)) == 0
        assert whys() == [("skipped", "has_left")]

    def test_is_not_meant(self, unit):
        segment = SegmentFactory(program=unit.program)
        self.planned(unit, segment=segment)
        assert a_night(day(6, 6)) == 0
        assert whys() == [("skipped", "not_for_them")]

    def test_rests(self, unit):
        campaign, _member = self.planned(unit, rest_days=400)
        assert a_night(day(6, 6)) == 1
        assert a_night(day(6, 6, 2027)) == 0
        assert whys(source="birthday:2027") == [("skipped", "too_soon")]
        Campaign.objects.filter(pk=campaign.pk).update(rest_days=300)
        assert a_night(day(6, 6, 2028)) == 1

    def test_has_points_that_are_frozen_where_it_is_a_surprise(self, unit):
        _campaign, member = self.planned(unit, is_public=False)
        freeze(member=member, until=None, earns=True, reason="Asked", actor="staff:1", at=TODAY)
        assert a_night(day(6, 6)) == 0
        assert whys() == [("skipped", "frozen")]

    def test_did_not_allow_letters_where_a_surprise_is_told_by_one(self, unit):
        campaign, member = self.planned(unit, is_public=False)
        says(campaign)
        assert a_night(day(6, 6)) == 0
        assert whys() == [("skipped", "no_consent")]
        allows(member)
        assert a_night(day(6, 7)) == 1
        Consent.objects.all().delete()

    @pytest.mark.parametrize(("is_public", "state"), [(True, "done"), (False, "skipped")])
    def test_is_found_far_too_late_unless_it_was_promised(self, unit, is_public, state):
        self.planned(unit, is_public=is_public, delay_days=1)
        list(find(at=day(6, 6)))
        a_night(day(6, 20))
        assert [one for one, _why in whys()] == [state]

    def test_has_a_campaign_that_was_switched_off_meanwhile(self, unit):
        campaign, _member = self.planned(unit, delay_days=1)
        a_night(day(6, 6))
        Campaign.objects.filter(pk=campaign.pk).update(is_on=False)
        assert a_night(day(6, 8)) == 0
        assert whys() == [("skipped", "moment_over")]

    def test_waits_while_the_program_is_paused(self, unit):
        self.planned(unit, delay_days=1)
        a_night(day(6, 6))
        change_state(program=unit.program, to="paused", actor="system", at=day(6, 7))
        assert (a_night(day(6, 8)), whys()) == (0, [("planned", "")])
        change_state(program=unit.program, to="live", actor="system", at=day(6, 9))
        assert a_night(day(6, 10)) == 1


class TestAProgramThatMovesToAnotherZone:
    def test_gives_no_second_gift(self, unit):
        member = a_member(unit)
        Birthday.objects.create(member=member, day=6, month=6, set_at=TODAY)
        a_campaign(unit, "birthday")
        assert a_night(day(6, 6)) == 1
        for zone in ("Pacific/Auckland", "America/New_York", "UTC"):
            unit.program.time_zone = zone
            unit.program.save()
            assert a_night(day(6, 7)) == 0
        assert Occurrence.objects.count() == 1


def test_a_surprise_is_drawn_of_those_whom_it_is_for(unit):
    Program.objects.update(holdout_percent=0)
    buyers = [member for member in people(unit, 12) if member.user.email in ("m3@example.com", "m8@example.com")]
    for buyer in buyers:
        arrive(buy(buyer.user, (a_product(), 1), on=day(5, 2)), on=day(5, 5))
    a_campaign(unit, "surprise", params={"members": 2}, least_orders=1, is_public=False)

    assert a_night(day(6, 1)) == 2
    assert {row.member_id for row in Occurrence.objects.all()} == {buyer.pk for buyer in buyers}
    assert whys() == [("done", "")] * 2
