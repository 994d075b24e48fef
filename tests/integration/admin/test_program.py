"""The program's page and the steps of its life."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.html import strip_tags
from oscar.core.loading import get_model

from loyalty_oscar.earning.operations import save_rule, switch_rule
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Lot
from loyalty_oscar.program import clock
from loyalty_oscar.program.forms import plural_samples
from loyalty_oscar.program.models import Program, State
from loyalty_oscar.program.operations import change_state, join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.earning import staff as desk
from loyalty_oscar.testing.factories import LotFactory, ProgramFactory
from tests.orders import imported, place

Basket = get_model("basket", "Basket")
ADD = reverse("admin:loyalty_program_program_add")


def page(program):
    return reverse("admin:loyalty_program_program_change", args=[program.pk])


def step(program, to):
    return reverse("admin:loyalty_program_program_step", args=[program.pk, to])


def told(response):
    return [text.replace("\xa0", " ") for text in response.context["sentences"]]


def formset(prefix, rows=(), initial=0):
    data = {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": initial}
    return data | {f"{prefix}-{n}-{key}": value for n, row in enumerate(rows) for key, value in row.items()}


def typed(units=None, worths=(), initial_units=0, **fields):
    data = {
        "name": "Paw Club", "code": "paws", "is_default": "on", "currency": "EUR", "time_zone": "Europe/Berlin",
        "enrolment": "automatic", "earning_base": "as-shown", "rounding": "floor", "rounding_stage": "order",
        "hold_days": "14", "debt_policy": "debt", "expiry": "months", "expiry_months": "12", "expiry_day": "31",
        "expiry_month": "12", "max_extensions": "3", "letter_days": "3", "holdout_percent": "0",
    }  # fmt: skip
    unit = {"code": "points", "word_en_one": "paw", "word_en_other": "paws"}
    data |= formset("unit", [unit] if units is None else units, initial_units) | formset("worths", worths)
    return data | formset("sites") | formset("terms") | formset("phases") | fields


@pytest.fixture
def draft(db):
    return ProgramFactory(code="club", live=None, rule__at=clock.now())


def give(account, points=300, days=60):
    """Ready points that run out in so many days."""
    LotFactory(account=account, points=points, key="g", source="g", expires_at=clock.now() + timedelta(days=days))


class TestTheProgramsPage:
    def test_makes_a_program_with_words_and_worth(self, root, db):
        words = {"word_pl_one": "łapka", "word_pl_few": "łapki", "word_pl_many": "łapek"}
        unit = {"code": "points", "word_en_one": "paw", "word_en_other": "paws", **words}
        response = root.post(ADD, typed([unit], [{"points": "100", "amount": "1.50", "currency": "EUR"}]))
        assert response.status_code == 302, response.context["errors"]
        program = Program.objects.get()
        assert program.unit.names == {
            "en": {"one": "paw", "other": "paws"},
            "pl": {"one": "łapka", "few": "łapki", "many": "łapek"},
        }
        assert program.worths.get().minor == 150
        assert program.state == State.DRAFT

    def test_keeps_words_that_it_does_not_ask_for(self, root, draft):
        unit = draft.unit
        unit.names = {"pl": {"one": "a", "few": "b", "many": "c", "other": "d"}, "fr": {"other": "pattes"}}
        unit.save()
        words = {"word_pl_one": "łapka", "word_pl_few": "łapki", "word_pl_many": "łapek"}
        row = {"id": unit.pk, "program": draft.pk, "code": "points", **words}
        response = root.post(page(draft), typed([row], initial_units=1))
        assert response.status_code == 302, response.context["errors"]
        unit.refresh_from_db()
        assert unit.names["pl"] == {"one": "łapka", "few": "łapki", "many": "łapek", "other": "d"}
        assert unit.names["fr"] == {"other": "pattes"}

    def test_asks_for_the_plural_forms_that_whole_numbers_have(self):
        assert plural_samples("en") == {"one": 1, "other": 2}
        assert plural_samples("pl") == {"one": 1, "few": 2, "many": 5}
        assert plural_samples("ru") == {"one": 1, "few": 2, "many": 5}
        assert plural_samples("xx-nowhere") == {"other": 2}

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"time_zone": "Berlin"}, "time_zone"),
            ({"currency": "euro"}, "currency"),
            ({"hold_days": "366"}, "hold_days"),
            ({"rounding": "block", "rounding_stage": "line"}, "rounding_stage"),
            ({"expiry": "fixed", "expiry_month": "2", "expiry_day": "30"}, "expiry_day"),
            ({"code": "Paw Club"}, "code"),
            ({"name": ""}, "name"),
        ],
    )
    def test_says_beside_the_field_what_is_wrong(self, root, db, fields, wrong):
        response = root.post(ADD, typed(**fields))
        assert list(response.context["adminform"].form.errors) == [wrong]
        assert not Program.objects.exists()

    def test_refuses_a_language_that_is_half_filled_in(self, root, db):
        response = root.post(ADD, typed([{"code": "points", "word_pl_one": "łapka"}]))
        errors = response.context["inline_admin_formsets"][0].formset.forms[0].errors
        assert set(errors) == {"word_pl_few", "word_pl_many"}
        assert not Program.objects.exists()

    @pytest.mark.parametrize(("amount", "currency"), [("0", "EUR"), ("1.50", "JPY"), ("-1", "EUR"), ("x", "EUR")])
    def test_refuses_a_worth_that_is_no_money(self, root, db, amount, currency):
        response = root.post(ADD, typed(worths=[{"points": "100", "amount": amount, "currency": currency}]))
        assert "amount" in response.context["inline_admin_formsets"][1].formset.forms[0].errors
        assert not Program.objects.exists()

    def test_warns_of_what_is_missing(self, root, db):
        program = Program.objects.create(code="club", name="Club")
        warnings = " ".join(root.get(page(program)).context["warnings"])
        assert "not said what members collect" in warnings
        assert "worth nothing in EUR" in warnings
        assert "serves no site" in warnings

    def test_warns_where_no_rule_is_in_force(self, root, draft):
        assert root.get(page(draft)).context["warnings"] == []
        switch_rule(rule=draft.rules.get(), is_on=False, actor="system", at=clock.now())
        assert "No rule is in force" in root.get(page(draft)).context["warnings"][0]

    def test_warns_of_a_ready_status_that_is_not_clear(self, root, draft, settings):
        settings.OSCAR_ORDER_STATUS_PIPELINE = {"New": ("Sent", "Fetched"), "Sent": (), "Fetched": ()}
        assert "Sent, Fetched" in root.get(page(draft)).context["warnings"][0]

    def test_is_deleted_only_as_a_draft_without_members(self, root, draft):
        page = reverse("admin:loyalty_program_program_delete", args=[draft.pk])
        Program.objects.update(earns_from=clock.now())
        assert root.post(page, {"post": "yes"}).status_code == 403
        Program.objects.update(earns_from=None)
        member = join(program=draft, user_id=get_user_model().objects.first().pk, at=clock.now())
        assert root.post(page, {"post": "yes"}).status_code == 403
        member.delete()
        draft.rules.all().delete()
        assert root.post(page, {"post": "yes"}).status_code == 302
        assert not Program.objects.exists()

    def test_is_only_read_by_somebody_who_may_only_look(self, staff, draft):
        names = ("program", "unit", "pointworth", "programsite", "termsversion", "phase")
        _user, client = staff(*(f"loyalty_program.view_{name}" for name in names))
        response = client.get(page(draft))
        assert response.status_code == 200
        assert response.context["steps"] == []
        assert client.post(page(draft), typed()).status_code == 403
        assert client.post(step(draft, "live")).status_code == 403
        draft.refresh_from_db()
        assert draft.state == State.DRAFT


class TestGoingLive:
    def test_says_first_what_it_brings_and_costs(self, root, draft, customer):
        for number, days in (("a", 3), ("b", 20), ("c", 40)):
            at = clock.now() - timedelta(days=days)
            imported(user=customer, lines=[("12.90", 1), ("7.50", 2)], placed_at=at, number=number)
        imported(user=customer, lines=[("99", 1)], placed_at=clock.now(), number="d", status="Cancelled")
        assert told(root.get(step(draft, "live"))) == [
            "Orders placed from this moment on count.",
            "Orders placed before bring nothing, and nobody is mailed about them.",
            "0 members take part.",
            "Members have 0 paws ready and 0 paws on the way, worth €0.00.",
            "1 rule is in force: Base.",
            "The 2 orders of customers in the last 30 days would have brought 54 paws, worth €0.54.",
        ]
        draft.refresh_from_db()
        assert draft.state == State.DRAFT

    def test_reckons_from_the_newest_orders_where_there_are_very_many(self, root, draft, customer, monkeypatch):
        monkeypatch.setattr(desk, "MOST_ORDERS", 2)
        for number in "abcd":
            imported(user=customer, lines=[("10", 1)], placed_at=clock.now(), number=number)
        assert told(root.get(step(draft, "live")))[-1] == (
            "The 4 orders of customers in the last 30 days would have brought 40 paws, worth €0.40."
        )

    def test_says_so_where_a_rule_gives_no_more_than_its_budget(self, root, draft, customer):
        narrowed = [{"code": "budget", "params": {"points": 5}}]
        told_so = {"code": "few", "name": "Few", "type": "per-order", "params": {"points": 5}, "narrowed": narrowed}
        save_rule(unit=draft.unit, actor="system", at=clock.now() - timedelta(days=30), **told_so)
        for number in "ab":
            imported(user=customer, lines=[("10", 1)], placed_at=clock.now(), number=number)
        assert told(root.get(step(draft, "live")))[-2:] == [
            "The 2 orders of customers in the last 30 days would have brought 30 paws, worth €0.30.",
            "How much a rule gives at most over many orders is left aside there.",
        ]

    def test_happens_once_it_is_confirmed_with_who_and_why(self, staff, draft):
        user, client = staff("loyalty_program.view_program", "loyalty_program.change_program")
        assert client.post(step(draft, "live"), {"reason": "Spring"}).status_code == 302
        draft.refresh_from_db()
        phase = draft.phases.get()
        assert (draft.state, phase.actor, phase.reason) == (State.LIVE, f"staff:{user.pk}", "Spring")
        assert draft.earns_from is not None

    def test_stands_in_the_history_of_the_page(self, root, draft):
        root.post(step(draft, "live"), {"reason": "Spring"})
        history = root.get(reverse("admin:loyalty_program_program_history", args=[draft.pk]))
        assert "live Spring" in history.content.decode()

    def test_repeats_the_warnings(self, root, draft):
        draft.worths.all().delete()
        forget_cache()
        assert "worth nothing in EUR" in root.get(step(draft, "live")).context["warnings"][0]

    def test_leaves_orders_from_before_alone(self, root, draft, customer):
        place(user=customer, lines=[(10, 1)])
        root.post(step(draft, "live"), {"reason": ""})
        assert not Account.objects.exists()


class TestTheOtherSteps:
    def test_say_what_goes_back_when_pausing(self, root, unit, customer):
        account = ledger.open_account(member=join(program=unit.program, user_id=customer.pk, at=clock.now()), unit=unit)
        give(account)
        ledger.place_hold(
            account_id=account.pk,
            points=120,
            slot="basket:1",
            expires_at=clock.now() + timedelta(hours=1),
            at=clock.now(),
            because=Because("adjusted"),
        )
        sentences = told(root.get(step(unit.program, "paused")))
        assert "120 paws set aside for 1 basket go back." in sentences
        assert "Members have 180 paws ready and 0 paws on the way, worth €3.00." in sentences
        root.post(step(unit.program, "paused"), {})
        account.refresh_from_db()
        assert (account.available, account.reserved) == (300, 0)

    def test_say_what_stays_set_aside_because_it_is_being_paid_for(self, root, unit, customer):
        account = ledger.open_account(member=join(program=unit.program, user_id=customer.pk, at=clock.now()), unit=unit)
        give(account)
        slots = [f"basket:{Basket.objects.create(owner=customer, status=status).pk}" for status in ("Open", "Frozen")]
        for slot, points in zip(slots, (120, 70), strict=True):
            ledger.place_hold(
                account_id=account.pk,
                points=points,
                slot=slot,
                expires_at=clock.now() + timedelta(hours=1),
                at=clock.now(),
                because=Because("adjusted"),
            )
        sentences = told(root.get(step(unit.program, "paused")))
        assert "120 paws set aside for 1 basket go back." in sentences
        assert "70 paws stay set aside for 1 basket that is being paid for, until that is over." in sentences
        root.post(step(unit.program, "paused"), {})
        account.refresh_from_db()
        assert (account.available, account.reserved) == (230, 70)

    def test_say_whose_dates_move_when_going_on(self, root, unit, customer):
        account = ledger.open_account(member=join(program=unit.program, user_id=customer.pk, at=clock.now()), unit=unit)
        give(account)
        expires = Lot.objects.get().expires_at
        change_state(program=unit.program, to="paused", actor="system", at=clock.now())
        with clock.at(clock.now() + timedelta(days=10)):
            response = root.get(step(unit.program, "live"))
            assert response.context["title"] == "Go on"
            assert "The dates of 300 paws move by 10 days." in told(response)
            root.post(step(unit.program, "live"), {})
        assert (Lot.objects.get().expires_at - expires).days == 10

    def test_take_the_last_day_that_earns_when_closing(self, root, unit):
        with clock.at(clock.now()):
            day = (clock.now() + timedelta(days=5)).date()
            told = {"last_day": day.isoformat(), "typed_name": unit.program.name}
            assert root.post(step(unit.program, "closing"), told).status_code == 302
        phase = unit.program.phases.last()
        assert (phase.earning_ends_at.date(), (phase.spending_ends_at - phase.earning_ends_at).days) == (day, 90)

    def test_refuse_a_last_day_in_the_past(self, root, unit):
        response = root.post(step(unit.program, "closing"), {"last_day": "2020-01-01"})
        assert "last_day" in response.context["form"].errors
        unit.program.refresh_from_db()
        assert unit.program.state == State.LIVE

    @pytest.mark.parametrize(
        ("told", "wrong"),
        [
            ({}, {"last_day", "typed_name"}),
            ({"last_day": "2026-06-01"}, {"typed_name"}),
            ({"last_day": "", "typed_name": "Paw Club"}, {"last_day"}),
            ({"last_day": "2026-06-01", "typed_name": "paw club"}, {"typed_name"}),
            ({"last_day": "9999-12-31", "typed_name": "Paw Club"}, {"last_day"}),
        ],
    )
    def test_refuse_to_close_without_a_day_and_the_typed_name(self, root, unit, told, wrong):
        Program.objects.update(name="Paw Club")
        with clock.at(datetime(2026, 5, 6, tzinfo=UTC)):
            response = root.post(step(unit.program, "closing"), told)
        assert set(response.context["form"].errors) == wrong
        unit.program.refresh_from_db()
        assert unit.program.state == State.LIVE

    def test_refuse_to_close_while_points_may_be_used(self, root, unit):
        told = {"last_day": clock.now().date().isoformat(), "typed_name": unit.program.name}
        root.post(step(unit.program, "closing"), told)
        response = root.post(step(unit.program, "closed"), {"typed_name": unit.program.name})
        assert "until" in response.context["form"].errors["__all__"][0]
        unit.program.refresh_from_db()
        assert unit.program.state == State.CLOSING

    def test_refuse_a_step_that_is_not_open(self, root, unit):
        response = root.post(step(unit.program, "closed"), {}, follow=True)
        assert "not open" in strip_tags(response.content.decode())
        unit.program.refresh_from_db()
        assert unit.program.state == State.LIVE

    def test_do_not_exist_under_another_name(self, root, unit):
        assert root.get(step(unit.program, "forever")).status_code == 404
