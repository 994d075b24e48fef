"""A shop names its statuses in its own language: what is not explained is asked about by name, and case is nothing."""

from types import SimpleNamespace

import pytest
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.exclusives.models import Reservation
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import Program, State
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.shop.orders import statuses
from loyalty_oscar.shop.orders.facts import gather_orders
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.upkeep import checks
from loyalty_oscar.shop.upkeep.doctor import Level, examine
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import UseTermsFactory
from loyalty_oscar.tiers.models import Standing
from tests.integration.commands.calling import manage
from tests.integration.exclusives.sales import a_sale
from tests.integration.ledger.books import assert_clean
from tests.integration.referrals.friendly import an_inviting_club, bring
from tests.integration.tiers.ladders import a_ladder
from tests.points import give, of, pay, use
from tests.storefront import TODAY, a_basket, a_club, a_product, a_user, arrive, buy, day, text_of

pytestmark = pytest.mark.django_db

Order = get_model("order", "Order")
GERMAN = {
    "Neu": ("In Bearbeitung", "Storniert"),
    "In Bearbeitung": ("Versendet", "Storniert"),
    "Versendet": ("Geliefert", "Storniert"),
    "Geliefert": (),
    "Storniert": (),
}


def speaks(settings, monkeypatch, pipeline, **ours):
    """The shop's orders go through this pipeline; `ours` are settings of the suite."""
    settings.OSCAR_ORDER_STATUS_PIPELINE = pipeline
    settings.OSCAR_INITIAL_ORDER_STATUS = next(iter(pipeline))
    settings.OSCAR_LINE_STATUS_PIPELINE = {}
    monkeypatch.setattr(Order, "pipeline", pipeline)
    for name, value in ours.items():
        setattr(settings, f"LOYALTY_{name}", value)


@pytest.fixture
def german(settings, monkeypatch):
    speaks(settings, monkeypatch, GERMAN, READY_STATUS="Geliefert")


def asked():
    """What the checks ask: (id, text and hint)."""
    return [(found.id, f"{found.msg} {found.hint}") for found in (*checks.check_statuses(), *checks.check_questions())]


def doctor(about="words", at=TODAY):
    """What the doctor finds: (level, text and hint)."""
    found = [f for f in examine(at=at) if f.about == about and f.level != Level.OK]
    return [(f.level, f"{f.text} | {f.hint}") for f in found]


def put(order, status, *, at=TODAY):
    """A status that somebody chose, and the look that follows."""
    with clock.at(at):
        Order.objects.get(pk=order.pk).set_status(status)
    sync_orders(order_ids=[order.pk], at=at)


class TestAnEndOfThePipelineThatNobodyExplained:
    def test_is_asked_about_by_name(self, german):
        [(code, text)] = asked()
        assert code == "loyalty_shop.W005"
        assert "'Storniert'" in text
        assert "LOYALTY_DEAD_STATUSES" in text
        assert "LOYALTY_HARMLESS_STATUSES" in text

    def test_is_asked_about_by_the_doctor(self, german):
        assert any("'Storniert'" in text for _level, text in doctor("settings"))

    @pytest.mark.parametrize("setting", ["DEAD_STATUSES", "HARMLESS_STATUSES"])
    def test_is_asked_about_no_more_once_it_is_explained_in_any_case(self, german, settings, setting):
        setattr(settings, f"LOYALTY_{setting}", ("storniert",))
        assert asked() == []

    def test_may_follow_the_ready_status(self, settings, monkeypatch):
        pipeline = {**GERMAN, "Geliefert": ("Zurückgeschickt",), "Zurückgeschickt": ()}
        speaks(settings, monkeypatch, pipeline, READY_STATUS="geliefert", DEAD_STATUSES=("Storniert",))
        [(code, text)] = asked()
        assert (code, "'Zurückgeschickt'" in text) == ("loyalty_shop.W005", True)

    def test_is_no_reason_to_wait_for_it_where_it_is_harmless(self, settings, monkeypatch):
        pipeline = {"New": ("Delivered", "Archived"), "Delivered": (), "Archived": ()}
        speaks(settings, monkeypatch, pipeline, HARMLESS_STATUSES=("archived",))
        assert statuses.ready_status() == "Delivered"
        assert asked() == []

    def test_may_be_the_end_of_a_line(self, german, settings):
        settings.LOYALTY_DEAD_STATUSES = ("Storniert",)
        settings.OSCAR_LINE_STATUS_PIPELINE = {"Neu": ("Geliefert", "Storniert"), "Geliefert": (), "Storniert": ()}
        [(code, text)] = asked()
        assert code == "loyalty_shop.W006"
        assert "line status 'Storniert'" in text
        assert "LOYALTY_DEAD_LINE_STATUSES" in text
        settings.LOYALTY_DEAD_LINE_STATUSES = ("STORNIERT",)
        assert asked() == []


class TestAStatusThatOnlyFollows:
    SHOP = {"Pending": ("Being processed", "Cancelled"), "Being processed": ("Processed", "Cancelled"), "Cancelled": ()}

    def test_is_an_end_of_the_pipeline(self, settings, monkeypatch):
        speaks(settings, monkeypatch, self.SHOP)
        assert statuses.ready_status() == "Processed"
        assert asked() == []

    def test_may_be_named_as_the_ready_one(self, settings, monkeypatch):
        speaks(settings, monkeypatch, self.SHOP, READY_STATUS="processed")
        assert statuses.ready_status() == "Processed"
        assert asked() == []


class TestAPipelineOfAFork:
    def test_is_known_where_the_settings_have_none(self, settings, monkeypatch):
        monkeypatch.setattr(Order, "pipeline", GERMAN)
        del settings.OSCAR_ORDER_STATUS_PIPELINE
        assert set(statuses.pipeline()) == set(GERMAN)
        assert [found.id for found in checks.check_statuses()] == ["loyalty_shop.W002"]


class TestAnOrderThatIsCancelledInTheShopsOwnWord:
    def test_gives_everything_back_once_the_word_is_explained(self, german, settings):
        settings.LOYALTY_DEAD_STATUSES = ("storniert",)
        club = an_inviting_club(club={"hold_days": 14})
        unit = club.unit
        UseTermsFactory(program=unit.program)
        a_ladder(unit=unit, silver=5_000, gold=9_000, gifts=(0, 0, 50))
        bed = a_product("Bed", "100.00")
        sale = a_sale(unit, bed, doors=(), quota=5, public_from=day(5, 1), ends_at=day(6, 1))
        user = a_user("priya@example.com")
        give(user, 1000, unit)
        bring(club, user, at=day(5, 2))
        forget_cache()
        with clock.at(TODAY):
            basket = use(user, a_basket(user, (bed, 1)), 1000, unit=unit)
            order = pay(basket)
            Order.objects.filter(pk=order.pk).update(status="Neu", date_placed=TODAY)
            sync_orders(order_ids=[order.pk], at=TODAY)
        mine, boris = Account.objects.get(member__user=user), Account.objects.get(member__user=club.boris)
        left = dict(mine.lots.values_list("source", "remaining"))
        assert (left["gift"], left[f"order:{order.pk}"], boris.pending) == (0, 90, 150)
        assert [n for source, n in left.items() if source.startswith("tier:")] == [50]
        assert Standing.objects.get(member__user=user, is_current=True).rank == 3
        assert Reservation.objects.get(sale=sale).quantity == 1

        put(order, "Storniert", at=day(5, 7))

        assert of(user) == (1000, 0, 0, 0)
        assert of(club.boris) == (0, 0, 0, 0)
        assert Standing.objects.get(member__user=user, is_current=True).rank == 0
        assert Referral.objects.get().state == Referral.State.INVITED
        assert not Reservation.objects.filter(sale=sale, quantity__gt=0).exists()
        assert_clean()

    @pytest.mark.parametrize(
        ("words", "status"),
        [
            (("Cancelled",), "cancelled"),
            (("cancelled",), "CANCELLED"),
            (("ЗАКАЗ ОТМЕНЁН",), "Заказ отменён"),
            (("zwrócone",), "ZWRÓCONE"),
            (("Annulée",), "ANNULE\u0301E"),
        ],
    )
    def test_is_dead_whatever_the_case(self, settings, monkeypatch, words, status):
        speaks(settings, monkeypatch, {"New": ("Done", status), "Done": (), status: ()}, DEAD_STATUSES=words)
        unit = an_inviting_club(club={"hold_days": 14}).unit
        user, bed = a_user("priya@example.com"), a_product("Bed", "100.00")
        first = buy(user, (bed, 1), on=day(5, 1))
        Order.objects.update(status="New")
        put(first, status, at=day(5, 2))
        second = buy(user, (bed, 1), on=day(5, 3))
        assert Account.objects.get(member__user=user, unit=unit).pending == 100
        [facts] = gather_orders(order_ids=[second.pk], set_codes=(), at=day(5, 4))
        assert facts.purchase.is_first
        assert asked() == []
        assert list(statuses.standing(orders=Order.objects.all())) == [second]


class TestARowInTheDatabase:
    def test_is_found_in_any_case_that_the_settings_or_the_pipeline_do_not_spell(self, german):
        a_club()
        user, bed = a_user(), a_product("Bed", "100.00")
        order = buy(user, (bed, 1), on=day(5, 1))
        order.status_changes.create(old_status="Versendet", new_status="gELIEFERT")
        order.status_changes.update(date_created=day(5, 3))
        Order.objects.update(status="gELIEFERT")
        [facts] = gather_orders(order_ids=[order.pk], set_codes=(), at=day(5, 4))
        assert facts.final_at == day(5, 3)


def an_event(model, code, line, *, quantity=1):
    """Staff note an event of a type with its quantity."""
    kind = get_model("order", f"{model}EventType").objects.create(name=code, code=code)
    more = {"amount": 1} if model == "Payment" else {}
    event = get_model("order", f"{model}Event").objects.create(order=line.order, event_type=kind, **more)
    get_model("order", f"{model}EventQuantity").objects.create(event=event, line=line, quantity=quantity)


class TestTheDoctor:
    @pytest.fixture
    def order(self):
        a_club()
        return buy(a_user(), (a_product("Bed", "100.00"), 2), on=day(5, 1))

    def test_is_content_with_words_that_are_known(self, order):
        an_event("Shipping", "Shipped", order.lines.get())
        an_event("Payment", "paid", order.lines.get())
        assert doctor() == []

    @pytest.mark.parametrize(
        ("model", "code", "setting"),
        [("Shipping", "retoure", "RETURN_EVENT_CODES"), ("Payment", "erstattet", "REFUND_EVENT_CODES")],
    )
    def test_names_an_event_type_in_use_that_means_nothing(self, order, settings, model, code, setting):
        an_event(model, code, order.lines.get())
        [(level, text)] = doctor()
        assert level == Level.WARNING
        assert f"{model.lower()} event type {code!r} means nothing to us; events of it name lines: 1" in text
        assert f"LOYALTY_{setting}" in text
        settings.LOYALTY_HARMLESS_EVENT_CODES = (code.upper(),)
        assert doctor() == []

    @pytest.mark.parametrize(
        ("model", "code", "setting"),
        [("Shipping", "Retoure", "RETURN_EVENT_CODES"), ("Payment", "Erstattet", "REFUND_EVENT_CODES")],
    )
    def test_has_nothing_to_say_of_one_that_takes_back(self, order, settings, model, code, setting):
        setattr(settings, f"LOYALTY_{setting}", (code,))
        an_event(model, code.lower(), order.lines.get())
        sync_orders(order_ids=[order.pk], at=day(5, 2))
        assert Account.objects.get().pending == 100
        assert doctor() == []

    def test_notes_an_event_type_that_nobody_used_yet(self, order):
        get_model("order", "ShippingEventType").objects.create(name="Retoure", code="retoure")
        [(level, text)] = doctor()
        assert (level, "it is not used yet" in text) == (Level.NOTE, True)

    def test_names_statuses_in_use_that_no_pipeline_knows(self, order, settings):
        Order.objects.update(status="Storniert")
        order.lines.update(status="Abhanden")
        [(level, text), (line_level, of_line)] = doctor()
        assert (level, line_level) == (Level.WARNING, Level.WARNING)
        assert "order status 'Storniert', in which orders are: 1" in text
        assert "line status 'Abhanden', in which lines are: 1" in of_line
        settings.LOYALTY_DEAD_STATUSES, settings.LOYALTY_HARMLESS_LINE_STATUSES = ("STORNIERT",), ("abhanden",)
        assert doctor() == []

    def test_says_nothing_of_orders_from_before_the_program(self, order):
        Order.objects.update(status="Altlast", date_placed=day(1, 1, 2024))
        assert doctor() == []

    def test_names_a_ready_status_that_nobody_ever_reaches(self, order):
        assert doctor(at=day(6, 20)) == []
        [(level, text)] = doctor(at=day(7, 20))
        assert level == Level.WARNING
        assert "no order ever reached “Delivered”, and orders wait for it since more than 60 days: 1" in text
        arrive(order, on=day(7, 20))
        assert doctor(at=day(7, 20)) == []

    def test_waits_for_no_status_of_orders_that_came_to_nothing(self, order):
        Order.objects.update(status="cancelled")
        assert doctor(at=day(7, 20)) == []


class TestSettingUp:
    def test_says_what_is_open_and_does_not_go_live(self, german):
        said = manage("setup", "--live")
        assert said.code == 1
        assert "order status 'Storniert'" in said.out
        assert "LOYALTY_HARMLESS_STATUSES" in said.out
        assert "say first what those words mean, or say --anyway" in said.err
        assert Program.objects.get().state == State.DRAFT

    def test_makes_a_draft_all_the_same(self, german):
        said = manage("setup")
        assert (said.code, Program.objects.get().state) == (0, State.DRAFT)
        assert "order status 'Storniert'" in said.out

    def test_goes_live_anyway_where_somebody_says_so(self, german):
        assert manage("setup", "--live", "--anyway").code == 0
        assert Program.objects.get().state == State.LIVE

    def test_goes_live_once_all_is_said(self, german, settings):
        settings.LOYALTY_DEAD_STATUSES = ("storniert",)
        said = manage("setup", "--live")
        assert (said.code, "Storniert" in said.out) == (0, False)
        assert Program.objects.get().state == State.LIVE

    def test_asks_who_is_there_and_says_what_to_write(self, settings, monkeypatch):
        pipeline = {**GERMAN, "Versendet": ("Geliefert", "Abgeholt", "Storniert"), "Abgeholt": ()}
        speaks(settings, monkeypatch, pipeline, READY_STATUS="geliefert")
        typed = iter(["perhaps", "y", "n"])
        monkeypatch.setattr("builtins.input", lambda question: next(typed))
        monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
        said = manage("setup")
        assert 'LOYALTY_DEAD_STATUSES = ("Storniert",)' in said.out
        assert 'LOYALTY_HARMLESS_STATUSES = ("Abgeholt",)' in said.out

    def test_asks_for_the_ready_status_by_one_of_its_names(self, settings, monkeypatch):
        speaks(settings, monkeypatch, GERMAN)
        typed = iter(["Fertig", "geliefert"])
        monkeypatch.setattr("builtins.input", lambda question: next(typed))
        monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
        said = manage("setup")
        assert "There is none of that name" in said.out
        assert 'LOYALTY_READY_STATUS = "Geliefert"' in said.out


class TestTheProgramsPage:
    def test_says_it_to_the_merchant(self, german, admin_client):
        unit = a_club()
        page = admin_client.get(reverse("admin:loyalty_program_program_change", args=[unit.program_id]))
        assert "Nobody said what the order status “Storniert” means" in text_of(page)
