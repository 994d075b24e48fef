"""What a clerk reads and does on a customer's page of the dashboard: level, newest lines, messages, goodwill, undo."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.urls import reverse

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Delivery, Event, Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.dashboard.by_hand import undo
from loyalty_oscar.shop.dashboard.goodwill import left_today
from loyalty_oscar.shop.notices.delivery import deliver
from loyalty_oscar.testing.factories import LotFactory, MemberFactory
from tests.integration.tiers.ladders import a_ladder

from .test_dashboard import GIVE, LOOK, customer, goodwill, staff, text, typed, unit, user_page  # noqa: F401

ADJUST = "adjust_account"


def undo_page(entry):
    return reverse("loyalty:dashboard-undo", args=[entry.pk])


def taken(account, points, by):
    about = {"key": "manual:taken", "because": Because("adjusted"), "note": "Mistake", "actor": by}
    return ledger.adjust(account_id=account.pk, points=-points, at=clock.now(), **about).entry


@pytest.fixture
def desk(staff):  # noqa: F811
    """A clerk who gives goodwill, and nothing else."""
    return staff(LOOK, GIVE)


@pytest.fixture
def given(desk, unit, customer):  # noqa: F811
    """Goodwill that the clerk gave, and of which the customer is told."""
    assert desk[1].post(goodwill(customer, unit), typed(is_told="on")).status_code == 302
    return Entry.objects.get()


class TestGoodwill:
    def test_is_told_by_mail_with_its_worth_and_without_the_reason(self, given, customer):  # noqa: F811
        list(deliver(at=clock.now()))
        (letter,) = mail.outbox
        assert letter.to == [customer.email]
        said = letter.body.replace("\xa0", " ")
        assert "A thank-you from the shop: 50 paws for you. That takes €0.50 off your next order." in said
        assert "Parcel was late" not in said

    def test_is_not_told_where_the_clerk_does_not_want_it(self, desk, unit, customer):  # noqa: F811
        desk[1].post(goodwill(customer, unit), typed())
        assert (Entry.objects.count(), Event.objects.count()) == (1, 0)

    def test_is_not_told_once_it_is_undone(self, given, desk):
        undo(entry=given, staff=desk[0], at=clock.now())
        list(deliver(at=clock.now()))
        assert mail.outbox == []

    def test_says_what_points_are_worth_and_offers_reasons(self, desk, unit, customer, settings):  # noqa: F811
        html = text(desk[1].get(goodwill(customer, unit)))
        assert "Worth of 100 paws: €1.00." in html
        assert '<option value="The parcel was late">' in html
        settings.LOYALTY_GOODWILL_REASONS = ("Rain",)
        html = text(desk[1].get(goodwill(customer, unit)))
        assert '<option value="Rain">' in html
        assert "The parcel was late" not in html


class TestTheCustomersPage:
    def test_shows_the_newest_lines_with_why_who_and_the_reason(self, given, desk, customer):  # noqa: F811
        html = text(desk[1].get(user_page(customer)))
        for said in ("A thank-you from the shop", "Parcel was late", "+50 paws", desk[0].email):
            assert said in html

    def test_says_how_many_points_became_ready(self, desk, unit, customer):  # noqa: F811
        at = clock.now()
        member = MemberFactory(program=unit.program, user=customer)
        LotFactory(account__member=member, points=30, available_at=at + timedelta(days=1), expires_at=None)
        list(ledger.mature_due(at=at + timedelta(days=2)))
        assert "30 paws ready" in text(desk[1].get(user_page(customer))).replace("\xa0", " ")

    def test_shows_what_became_of_each_message(self, given, desk, customer):  # noqa: F811
        list(deliver(at=clock.now()))
        assert Delivery.objects.filter(consumer="mail", done_at__isnull=False).exists()
        html = text(desk[1].get(user_page(customer)))
        assert "Messages to this customer" in html
        assert "<td>mail</td><td>sent</td>" in html

    def test_dates_messages_by_the_days_of_the_program_as_the_lines_beside_them(self, unit, desk, customer):  # noqa: F811
        Program.objects.update(time_zone="Asia/Tokyo")
        forget_cache()
        with clock.at(datetime(2026, 5, 9, 20, tzinfo=UTC)):
            desk[1].post(goodwill(customer, unit), typed(is_told="on"))
            list(deliver(at=clock.now()))
            html = text(desk[1].get(user_page(customer)))
        assert "10 May 2026" in html
        assert "05/10/2026 5 a.m." in html

    def test_shows_the_level_and_what_the_next_takes(self, given, desk, unit, customer):  # noqa: F811
        a_ladder(unit=unit)
        html = text(desk[1].get(user_page(customer)))
        assert 'data-loyalty="tier" data-value="0"' in html
        assert "No level yet." in html


class TestUndoing:
    def test_takes_back_what_was_given_as_one_act(self, given, desk, customer):  # noqa: F811
        client = desk[1]
        assert undo_page(given) in text(client.get(user_page(customer)))
        assert "Take back 50 paws" in text(client.get(undo_page(given)))
        assert Account.objects.get().available == 50
        assert client.post(undo_page(given))["Location"] == user_page(customer)
        assert Account.objects.get().available == 0
        assert undo_page(given) not in text(client.get(user_page(customer)))
        assert [step.wrong for step in audit() if step.wrong] == []

    def test_happens_once(self, given, desk):
        for _ in range(2):
            desk[1].post(undo_page(given))
        assert (Entry.objects.count(), Account.objects.get().available) == (2, 0)

    def test_counts_no_more_for_the_limit_of_the_day(self, given, desk, settings):
        settings.LOYALTY_GOODWILL_DAILY_LIMIT = 50
        assert left_today(staff=desk[0], at=clock.now()) == 0
        desk[1].post(undo_page(given))
        assert left_today(staff=desk[0], at=clock.now()) == 50

    def test_leaves_to_the_limit_what_the_shop_bears(self, given, desk, settings):
        settings.LOYALTY_GOODWILL_DAILY_LIMIT = 50
        Program.objects.update(debt_policy=Program.Debt.CLAMP)
        taken(given.account, 30, "staff:1")
        undo(entry=given, staff=desk[0], at=clock.now())
        assert left_today(staff=desk[0], at=clock.now()) == 20

    def test_makes_debt_of_what_is_used_already(self, given, desk):
        taken(given.account, 30, "staff:1")
        undo(entry=given, staff=desk[0], at=clock.now())
        account = Account.objects.get()
        assert (account.available, account.debt) == (0, 30)
        assert [step.wrong for step in audit() if step.wrong] == []

    def test_gives_back_what_was_taken_to_the_same_lot(self, given, staff):  # noqa: F811
        _user, client = staff(LOOK, ADJUST)
        lot = given.lots.get()
        entry = taken(given.account, 30, "staff:1")
        assert "Give back 30 paws" in text(client.get(undo_page(entry)))
        client.post(undo_page(entry))
        lot.refresh_from_db()
        assert (Account.objects.get().available, lot.remaining, lot.granted) == (50, 50, 50)
        assert Entry.objects.latest("pk").reverses == entry
        with pytest.raises(NotAllowed):
            ledger.reverse(entry=entry, key="manual:again", because=Because("undone_by_hand"), at=clock.now())
        assert Account.objects.get().available == 50
        assert [step.wrong for step in audit() if step.wrong] == []

    @pytest.mark.parametrize("permissions", [(), (LOOK,), (GIVE,), (LOOK, GIVE), (ADJUST,)])
    def test_is_for_who_may_change_points_or_gave_it_as_goodwill(self, given, staff, permissions):  # noqa: F811
        client = staff(*permissions)[1]
        assert client.get(undo_page(given)).status_code == 403
        assert client.post(undo_page(given)).status_code == 403
        assert Account.objects.get().available == 50

    def test_is_of_what_was_done_by_hand_alone(self, given, staff):  # noqa: F811
        entry = ledger.reverse(entry=given, key="system:x", because=Because("undone_by_hand"), at=clock.now()).entry
        assert staff(LOOK, ADJUST)[1].post(undo_page(entry)).status_code == 403
        assert Account.objects.get().available == 0

    def test_is_never_of_ones_own_points(self, given, customer, staff):  # noqa: F811
        user, client = staff(LOOK, ADJUST)
        given.account.member.__class__.objects.update(user=user)
        assert client.post(undo_page(given)).status_code == 403
        assert Account.objects.get().available == 50
