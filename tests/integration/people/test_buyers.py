"""How members buy, counted at night; and what becomes of it when members join, merge and leave."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.people import buyers
from loyalty_oscar.people.models import BuyerStats, Receipt
from loyalty_oscar.program.models import JobRun, Member, Program
from loyalty_oscar.program.operations import join, keep_place
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.shop.upkeep.doctor import Level, doctor_checks
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import MemberFactory
from tests.integration.tiers.test_admin import staff
from tests.orders import Order, imported
from tests.storefront import TODAY, a_club, a_product, a_user, arrive, buy, day, text_of

from .bought import a_receipt, counted, who_bought

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def program():
    return a_club().program


def stats(member):
    return BuyerStats.objects.get(member=member)


def run(name, at=TODAY):
    with clock.at(at):
        return sum(1 for _step in jobs.run(only=name, at=at))


def said(at=TODAY):
    """What the doctor says of receipts."""
    return [(finding.level, finding.text) for finding in doctor_checks.get("receipts")(at=at)]


class TestABuyer:
    def test_is_counted_from_what_stands(self, program):
        member = who_bought(program, day(1, 1), day(1, 31), day(3, 4), day(4, 1))
        a_receipt(member, day(4, 2), 9000, is_gone=True)
        a_receipt(member, day(2, 1), 5000)
        assert counted(TODAY) == 1
        row = stats(member)
        assert (row.orders, row.spend_minor, row.biggest_minor) == (5, 9000, 5000)
        assert (row.first_at, row.last_at, row.counted_at) == (day(1, 1), day(4, 1), TODAY)
        assert row.gap_days == 29  # Of 30, 1, 31 and 28 days.

    def test_s_money_is_that_of_the_program(self, program):
        member = who_bought(program, day(1, 1), minor=700)
        a_receipt(member, day(2, 1), 10**6, currency="USD")
        counted(TODAY)
        assert (stats(member).orders, stats(member).spend_minor, stats(member).biggest_minor) == (2, 700, 700)

    def test_is_missed_as_others_are_while_there_is_no_rhythm(self, program):
        new, known = who_bought(program, day(4, 1)), who_bought(program, *(day(1, 1) + n * 40 * DAY for n in range(3)))
        counted(TODAY)
        assert (stats(known).gap_days, stats(new).gap_days) == (40, None)
        assert stats(new).late_at == day(4, 1) + 60 * DAY

    def test_is_missed_otherwise_once_others_buy_otherwise(self, program):
        new, known = who_bought(program, day(4, 1)), who_bought(program, *(day(1, 1) + n * 40 * DAY for n in range(3)))
        counted(TODAY)
        Receipt.objects.filter(member=known).update(is_gone=True, changed_at=TODAY)
        assert counted(TODAY + DAY, since=TODAY) == 1
        assert (stats(new).late_at, stats(known).orders, stats(known).late_at) == (None, 0, None)

    def test_is_missed_never_where_nobody_can_say(self, program):
        member = who_bought(program, day(1, 1), day(2, 1))
        counted(TODAY)
        assert (stats(member).orders, stats(member).gap_days, stats(member).late_at) == (2, None, None)


class TestTheNight:
    def test_counts_only_those_whose_receipts_changed(self, program):
        one, other = who_bought(program, day(1, 1)), who_bought(program, day(1, 1))
        assert counted(TODAY) == 2
        Receipt.objects.filter(member=one).update(changed_at=TODAY + DAY, is_gone=True)
        assert counted(TODAY + 2 * DAY, since=TODAY + DAY) == 1
        assert (stats(one).orders, stats(other).orders) == (0, 1)
        assert counted(TODAY + 3 * DAY, since=TODAY + 3 * DAY) == 0

    def test_counts_what_was_still_being_written_when_the_last_began(self, program):
        member = who_bought(program, day(1, 1), changed_at=TODAY - timedelta(minutes=59))
        assert counted(TODAY + DAY, since=TODAY) == 1
        assert stats(member).orders == 1

    def test_counts_what_a_sweep_wrote_that_took_all_night(self, program):
        began, member = TODAY - timedelta(hours=9), who_bought(program, day(1, 1), changed_at=day(1, 1))
        assert counted(TODAY) == 1
        a_receipt(member, began)
        assert counted(TODAY + DAY, since=TODAY) == 1
        assert stats(member).orders == 2

    @pytest.mark.parametrize("goes", ["to another", "to nobody", "away"])
    def test_counts_those_from_whom_a_receipt_went_away(self, program, goes):
        one, other = who_bought(program, day(1, 1), day(2, 1)), who_bought(program, day(1, 1))
        assert counted(TODAY) == 2
        row = Receipt.objects.filter(member=one).first()
        if goes == "away":
            row.delete()
        else:
            row.member, row.buyer = other if goes == "to another" else None, "x"
            row.changed_at = TODAY + 2 * DAY
            row.save()
        assert counted(TODAY + 3 * DAY, since=TODAY + 2 * DAY) == (2 if goes == "to another" else 1)
        assert (stats(one).orders, stats(other).orders) == (1, 2 if goes == "to another" else 1)
        assert counted(TODAY + 9 * DAY, since=TODAY + 8 * DAY) == 0

    def test_takes_as_many_queries_for_many_as_for_few(self, program, monkeypatch):
        monkeypatch.setattr(buyers, "SLICE", 40)
        numbers = []
        for more in (1, 39):
            for _n in range(more):
                who_bought(program, day(1, 1), day(2, 1), day(3, 1))
            with CaptureQueriesContext(connection) as queries:
                counted(TODAY)
            numbers.append(len(queries))
        assert numbers[0] == numbers[1]
        assert BuyerStats.objects.filter(orders=3).count() == 40

    def test_finds_everybody_in_slices(self, program, monkeypatch):
        monkeypatch.setattr(buyers, "SLICE", 3)
        members = [who_bought(program, day(1, 1)) for _n in range(10)]
        assert list(buyers.count_changed(since=None, at=TODAY))[-4:] == [3, 3, 3, 1]
        assert BuyerStats.objects.filter(member__in=members).count() == 10

    def test_gives_receipts_to_who_joined_after_buying(self, program):
        Program.objects.update(enrolment=Program.Enrolment.OPT_IN)
        forget_cache()
        user = a_user()
        buy(user, (a_product(price="10.00"), 1), on=day(3, 1))
        assert Receipt.objects.get().member is None
        member = join(program=program, user_id=user.pk, at=day(4, 1))
        run("buyers")
        assert (Receipt.objects.get().member, stats(member).orders) == (member, 1)

    def test_counts_by_the_job_what_changed_since_it_last_went_well(self, program):
        member = who_bought(program, day(1, 1), changed_at=day(1, 1))
        run("buyers", at=day(5, 1))
        BuyerStats.objects.update(biggest_minor=99)
        run("buyers", at=day(5, 2))
        assert stats(member).biggest_minor == 99
        a_receipt(member, day(5, 2))
        run("buyers", at=day(5, 3))
        assert stats(member).orders == 2


class TestOrdersFromBefore:
    @pytest.fixture
    def old(self, program):
        """Twelve orders that nobody has looked at: of two people and of a guest."""
        people = [a_user("a@example.com"), a_user("b@example.com"), None]
        return [
            imported(
                user=people[n % 3],
                lines=[("10.00", 1)],
                placed_at=day(1, 1 + n),
                number=f"old-{n}",
                guest_email="" if people[n % 3] else "zoe@example.com",
            )
            for n in range(12)
        ]

    def test_get_the_receipts_that_they_would_have_had(self, program, old):
        run("receipts")
        rows = {row.order_id: row for row in Receipt.objects.all()}
        assert rows.keys() == {order.pk for order in old}
        assert [rows[order.pk].is_first for order in old] == [True] * 3 + [False] * 9
        assert {(row.goods_minor, row.paid_minor, row.pieces, row.is_gone) for row in rows.values()} == {
            (1000, 1000, 1, False)
        }
        assert all(row.final_at == row.placed_at for row in rows.values())
        assert JobRun.objects.get(name="receipts").done == 12
        before = list(Receipt.objects.order_by("pk").values("pk", "order_id", "changed_at"))
        run("receipts", at=TODAY + DAY)
        assert list(Receipt.objects.order_by("pk").values("pk", "order_id", "changed_at")) == before

    def test_are_filled_in_slices_and_go_on_where_it_was_cut_short(self, program, old, settings):
        settings.LOYALTY_SWEEP_BATCH = 5
        steps = []
        with clock.at(TODAY):
            for ran in jobs.run(only="receipts", at=TODAY, stop=lambda: bool(steps)):
                steps.append(ran.done)
        assert steps == [5]
        assert Receipt.objects.count() == 5
        assert JobRun.objects.get(name="receipts").cursor == {str(program.pk): old[4].pk}
        with CaptureQueriesContext(connection) as queries:
            run("receipts")
        assert Receipt.objects.count() == 12
        assert JobRun.objects.get(name="receipts").cursor is None
        assert not any(f" > {old[3].pk} " in query["sql"] for query in queries)

    def test_that_somebody_looked_at_meanwhile_are_left_alone(self, program, old):
        sync_orders(order_ids=[old[0].pk], at=day(3, 1))
        Receipt.objects.update(paid_minor=1)
        run("receipts")
        assert Receipt.objects.get(order_id=old[0].pk).paid_minor == 1
        assert Receipt.objects.count() == 12

    def test_are_members_orders_where_they_are_members(self, program, old):
        member = join(program=program, user_id=old[0].user_id, at=day(2, 1))
        run("receipts")
        run("buyers")
        assert (stats(member).orders, stats(member).spend_minor) == (4, 4000)

    def test_are_told_of_by_the_doctor_until_they_are_filled(self, program, old):
        assert said() == [(Level.NOTE, "orders without one: 12")]
        run("receipts")
        assert said() == [(Level.OK, "every order has one")]
        Receipt.objects.filter(order_id=old[3].pk).update(pieces=2)
        assert said() == [(Level.WARNING, "of the 12 that changed last 1 say something else than their orders")]

    def test_without_lines_are_none_yet(self, program, old):
        Order.objects.first().lines.all().delete()
        run("receipts")
        assert Receipt.objects.count() == 11
        assert said() == [(Level.OK, "every order has one")]

    def test_of_a_shop_without_a_program_are_nobodys_business(self):
        imported(user=a_user(), lines=[("10.00", 1)], placed_at=day(1, 1))
        run("receipts")
        assert (said(), Receipt.objects.exists()) == ([], False)


class TestTwoMembersThatBecomeOne:
    def test_are_counted_together_and_apart_again(self, program):
        one = who_bought(program, day(1, 1), minor=100)
        other = who_bought(program, day(2, 1), day(3, 1), minor=200)
        for member in (one, other):
            ledger.open_account(member=member, unit=program.unit)
        counted(TODAY)
        merge = ledger.merge(member=one, into=other, actor="staff:1", at=TODAY)
        assert Receipt.objects.filter(member=other).count() == stats(other).orders == 3
        assert (stats(other).spend_minor, stats(other).gap_days) == (500, 30)
        assert not BuyerStats.objects.filter(member=one).exists()
        ledger.unmerge(merge=merge, actor="staff:1", at=TODAY + timedelta(hours=1))
        assert [stats(member).orders for member in (one, other)] == [1, 2]
        assert Receipt.objects.filter(member=one).count() == 1

    def test_have_each_their_own_of_what_was_ordered_meanwhile(self, program):
        one, other = who_bought(program, day(1, 1)), who_bought(program, day(2, 1))
        for member in (one, other):
            ledger.open_account(member=member, unit=program.unit)
        merge = ledger.merge(member=one, into=other, actor="staff:1", at=TODAY)
        a_receipt(other, TODAY, 700, buyer=f"u:{one.user_id}")
        a_receipt(other, TODAY, 90, buyer=f"u:{other.user_id}")
        counted(TODAY)
        ledger.unmerge(merge=merge, actor="staff:1", at=TODAY + timedelta(hours=1))
        assert [(stats(member).orders, stats(member).spend_minor) for member in (one, other)] == [
            (2, 1700), (2, 1090),
        ]  # fmt: skip


class TestSomebodyWhoLeaves:
    def test_leaves_receipts_of_nobody(self, program):
        user = a_user()
        orders = [arrive(buy(user, (a_product(price="10.00"), 2), on=on), on=on) for on in (day(3, 1), day(4, 1))]
        run("buyers")
        member = Member.objects.get(user=user)
        erase(member=member, at=TODAY)
        rows = Receipt.objects.filter(order_id__in=[order.pk for order in orders])
        assert {row.member for row in rows} == {None}
        (buyer,) = {row.buyer for row in rows}
        assert len(buyer) == 64
        assert {row.paid_minor for row in rows} == {2000}
        assert not BuyerStats.objects.exists()
        assert {row.is_member for row in rows} == {True}, "so that what members paid then stays what it was"

    def test_is_nobody_on_receipts_though_never_a_member(self, program):
        Program.objects.update(enrolment=Program.Enrolment.OPT_IN)
        forget_cache()
        user = a_user()
        order = buy(user, (a_product(price="10.00"), 1), on=day(3, 1))
        assert Receipt.objects.get().buyer == f"u:{user.pk}"
        with clock.at(TODAY):
            user.delete()
        assert Receipt.objects.get().buyer != f"u:{user.pk}"
        assert Receipt.objects.get().order_id == order.pk

    def test_stays_nobody_when_the_order_changes_later(self, program):
        user = a_user()
        order = buy(user, (a_product(price="10.00"), 2), on=day(3, 1))
        with clock.at(TODAY):
            user.delete()
        before = Receipt.objects.get()
        arrive(Order.objects.get(pk=order.pk), on=TODAY)
        after = Receipt.objects.get()
        assert (after.buyer, after.member, after.is_first) == (before.buyer, None, before.is_first)
        assert (before.final_at, after.final_at) == (None, TODAY)


class TestWhatIsTold:
    @pytest.fixture
    def member(self, program):
        member = who_bought(program, day(1, 1), day(1, 31), day(3, 4), day(4, 1), minor=2490)
        counted(TODAY)
        return member

    def test_is_in_the_export(self, member):
        data = export_member(member=member, at=TODAY)
        assert [row["paid"] for row in data["receipts"]] == [2490] * 4
        assert data["buying"]["orders"] == 4
        assert data["buying"]["missed_from"] == "2026-05-16T12:00:00+00:00"

    def test_is_nothing_of_somebody_who_was_never_counted(self, program):
        data = export_member(member=MemberFactory(program=program), at=TODAY)
        assert (data["receipts"], data["buying"]) == ([], None)

    @pytest.mark.parametrize(
        "page", ["dashboard:user-detail", "admin:loyalty_program_member_change"], ids=["dashboard", "admin"]
    )
    def test_stands_on_the_member_s_page(self, member, page):
        client, _user = staff(superuser=True)
        shown = text_of(client.get(reverse(page, args=[member.user_id if "dashboard" in page else member.pk])))
        row = "4 €99.60 €24.90 1 April 2026 30 days 16 May 2026"
        assert row in shown
        assert "buys Orders Spent on goods Biggest order Last order Usual time between orders Missed from" in shown

    def test_is_empty_where_nothing_is_known(self, program):
        member = who_bought(program, day(4, 1))
        counted(TODAY)
        client, _user = staff(superuser=True)
        shown = text_of(client.get(reverse("dashboard:user-detail", args=[member.user_id])))
        assert "1 €10.00 €10.00 1 April 2026 known from the third order on" in shown

    def test_is_no_panel_for_who_bought_nothing(self, program):
        member = MemberFactory(program=program)
        client: Client = staff(superuser=True)[0]
        assert "buys Orders" not in text_of(client.get(reverse("dashboard:user-detail", args=[member.user_id])))


def test_a_cursor_of_a_program_that_is_gone_is_no_harm(program):
    keep_place(name="receipts", cursor={"999": 5}, at=TODAY)
    imported(user=a_user(), lines=[("10.00", 1)], placed_at=day(1, 1))
    run("receipts")
    assert Receipt.objects.count() == 1
