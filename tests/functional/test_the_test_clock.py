"""The clock of a draft is turned: what test members see and get, that nothing of it stays, and who may."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import connection, transaction
from django.test import Client
from django.test.utils import isolate_apps
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program import apart, queries
from loyalty_oscar.program.models import Event, Member, Phase, PointWorth, Program, State, Unit
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.signals import member_joined
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.testclock import play as playing
from loyalty_oscar.shop.testclock.play import MadeUp, play
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.shop.upkeep.tables import FIGURES, OF_BEFORE, of_people, set_up
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import CampaignFactory, LadderFactory
from tests.desk import staff
from tests.once import a_program
from tests.orders import imported

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 20, 8, tzinfo=UTC)
TODAY = date(2026, 6, 20)
#: What a merchant sets up; all else of ours is of people, says what was, or is a figure.
SET_UP = {
    *("earning.rule", "earning.rulebudget", "earning.ruleversion"),
    *("exclusives.door", "exclusives.quotacounter", "exclusives.sale"),
    *("journeys.campaign", "journeys.campaigntext", "journeys.goal"),
    *("program.phase", "program.pointworth", "program.productset", "program.program", "program.programsite"),
    *("program.reward", "program.segment", "program.termsversion", "program.unit"),
    *("redemption.leastorder", "redemption.useterms", "redemption.useterms_excluded_sets", "referrals.scheme"),
    *("shop.productsetrange", "tiers.ladder", "tiers.memberprice", "tiers.tier"),
}


@pytest.fixture(autouse=True)
def in_june(monkeypatch):
    """It is 20 June 2026, and a slow machine cuts no play short."""
    monkeypatch.setattr(playing, "MOST_SECONDS", 10_000)
    with clock.at(NOW):
        yield


@pytest.fixture
def draft():
    """A draft that gives two points for each euro, which run out at the end of the third month."""
    return a_draft()


def a_draft(**fields):
    told = {"expiry": Program.Expiry.MONTHS, "expiry_months": 3} | fields
    program = Program.objects.create(code="draft", name="Draft Club", currency="EUR", **told)
    unit = Unit.objects.create(program=program, names={"en": {"one": "point", "other": "points"}})
    PointWorth.objects.create(program=program, currency="EUR", points=100, minor=100)
    params = {"currency": "EUR", "points": 2, "step_minor": 100}
    save_rule(unit=unit, code="base", name="Base", type="per-amount", params=params, actor="system", at=NOW)
    return Program.objects.get(pk=program.pk)


def orders(*bought):
    """What is ordered so many days from now, for how much."""
    return [(TODAY + timedelta(days=days), Decimal(amount)) for days, amount in bought]


ANN = MadeUp(name="Ann", orders=orders((2, 50)))


def turned(program, *people, months=6, **told):
    until = told.pop("until", date(2026, 6 + months, 20) if months <= 6 else date(2027, 6, 20))
    return play(program=program, people=people or [ANN], until=until, at=NOW, **told)


def said(played):
    """Every sentence of a play with its day."""
    return [(day.day, name, text.replace("\xa0", " ")) for day in played.days for name, text in day.lines]


def mails(played):
    return [(day.day, one.name, one.subject.replace("\xa0", " ")) for day in played.days for one in day.mails]


def page(program):
    return reverse("admin:loyalty_program_program_test_clock", args=[program.pk])


def typed(**changed):
    """What the form holds."""
    told = {"until": "2026-12-20", "letters": "on", "turn": "x"}
    for number in (1, 2, 3):
        told |= {f"name_{number}": "", f"birthday_{number}": "", f"orders_{number}": ""}
    return told | {"name_1": "Ann", "orders_1": "2026-06-22 50.00"} | changed


def text_of(answer):
    return answer.content.decode().replace("\xa0", " ")


class TestTheClock:
    def test_shows_what_is_earned_ready_and_run_out(self, draft):
        played = turned(draft)
        assert said(played) == [
            (date(2026, 6, 22), "Ann", "+100 points earned: Order TEST-1"),
            (date(2026, 7, 6), "Ann", "+100 points became ready: The return period is over"),
            (date(2026, 11, 1), "Ann", "−100 points run out: Ran out"),
        ]
        assert (played.reached, played.is_cut, played.failed) == (date(2026, 12, 20), False, [])

    def test_shows_every_mail_on_its_day_and_by_day(self, draft):
        played = turned(draft)
        assert [(day, name) for day, name, _subject in mails(played)] == [
            (date(2026, 6, 22), "Ann"),
            (date(2026, 7, 6), "Ann"),
            (date(2026, 10, 2), "Ann"),
            (date(2026, 10, 25), "Ann"),
            (date(2026, 10, 31), "Ann"),
        ]
        assert next(subject for _day, _name, subject in mails(played)) == "Ann, 100 points for order TEST-1"
        assert all(8 <= one.at.hour < 21 for day in played.days for one in day.mails)

    def test_shows_no_link_that_would_lead_to_somebody_else(self, draft):
        texts = [one.text for day in turned(draft).days for one in day.mails]
        assert all("[…]" in text and "://" not in text for text in texts)

    def test_shows_levels_rise_and_fall(self, draft):
        LadderFactory(program=draft)
        gold = MadeUp(name="Ann", orders=orders((2, 200), (3, 250)))
        levels = [
            (day, text) for day, _name, text in said(turned(draft, gold, until=date(2028, 6, 1))) if "evel" in text
        ]
        assert [text for _day, text in levels] == ["Level: Silver", "Level: Gold", "Level: Silver"]
        assert levels[-1][0] > date(2028, 1, 1)

    def test_shows_a_birthday_and_its_letter(self, draft):
        CampaignFactory(program=draft, occasion="birthday", code="birthday", points=30)
        cora = MadeUp(name="Cora", birthday=(4, 8))
        played = turned(draft, cora, until=date(2026, 9, 1))
        assert [(day, text) for day, _name, text in said(played) if "30 points" in text] != []
        assert date(2026, 8, 4) in {day for day, name, _subject in mails(played) if name == "Cora"}

    def test_shows_each_member_apart(self, draft):
        ben = MadeUp(name="Ben", orders=orders((2, 10), (30, 20)))
        played = turned(draft, ANN, ben, months=2)
        assert {name for _day, name, _text in said(played)} == {"Ann", "Ben"}
        assert dict(played.days[-1].has)["Ben"].replace("\xa0", " ") == "60 points ready, 0 points on the way"

    def test_stops_at_what_happens_next(self, draft):
        first = turned(draft, after=TODAY)
        assert (first.reached, len(first.days)) == (date(2026, 6, 22), 1)
        assert turned(draft, after=first.reached).reached == date(2026, 7, 6)

    def test_misses_nothing_on_the_days_that_it_skips(self, draft, monkeypatch):
        LadderFactory(program=draft)
        people = [MadeUp(name="Ann", orders=orders((2, 200), (40, 250))), MadeUp(name="Ben", orders=orders((9, 10)))]
        skipping = turned(draft, *people)
        monkeypatch.setattr(playing, "AT_LEAST", timedelta(days=1))
        every_day = turned(draft, *people)
        assert skipping == every_day

    def test_that_takes_too_long_stops_and_says_where(self, draft):
        ticks = iter(range(0, 10**9, 2_000))
        played = turned(draft, clock_of_play=lambda: next(ticks))
        assert played.is_cut
        assert TODAY < played.reached < date(2026, 12, 20)

    def test_names_what_fails_and_goes_on(self, draft, monkeypatch):
        def fails(at):
            raise LookupError("gone")
            yield

        broken = [
            job if job.name != "expire" else jobs.Job(name="expire", title="Expires", what="", run=fails)
            for job in jobs.JOBS
        ]
        monkeypatch.setattr(jobs, "JOBS", broken)
        played = turned(draft)
        assert played.failed == ["Expires: LookupError: gone"]
        assert len(said(played)) == 2


class TestNothingStays:
    def test_of_it(self, draft):
        before = {model: model._base_manager.count() for model in (*of_people(), *set_up())}
        version = draft.version
        turned(draft)
        assert {model: model._base_manager.count() for model in before} == before
        assert (Program.objects.get().state, Program.objects.get().version) == (State.DRAFT, version)
        assert mail.outbox == []

    def test_and_nothing_runs_after_commit(self, draft, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
            turned(draft, months=1)
        assert callbacks == []

    def test_also_when_it_fails(self, draft, monkeypatch):
        monkeypatch.setattr(playing, "join", lambda **told: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            turned(draft)
        assert not Member.objects.exists()
        assert Program.objects.get().state == State.DRAFT

    def test_and_nobody_else_sees_the_draft_live(self, draft):
        live, seen = a_program(live_from=NOW - timedelta(days=1)), []
        queries.forget_cache()

        def look(sender, **told):
            seen.append([unit.program_id for unit in queries.begun_units()])

        member_joined.connect(look)
        try:
            turned(draft, months=1)
        finally:
            member_joined.disconnect(look)
        assert seen == [[draft.pk]]
        assert [unit.program_id for unit in queries.begun_units()] == [live.program_id]

    def test_and_real_members_are_left_alone(self, draft):
        live = a_program(live_from=NOW - timedelta(days=1))
        user = get_user_model().objects.create_user("real", "real@example.com", "x")
        imported(user=user, lines=[("25.00", 2)], placed_at=NOW - timedelta(hours=1))
        before = [OrderSync.objects.count(), Event.objects.count(), Entry.objects.count()]
        played = turned(draft)
        assert {name for _day, name, _text in said(played)} == {"Ann"}
        assert [OrderSync.objects.count(), Event.objects.count(), Entry.objects.count()] == before
        assert Program.objects.get(pk=live.program_id).is_default

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL counts apart from its tables")
    def test_of_what_ids_of_before_django_4_1_count_by(self, draft):
        counted = []
        with connection.cursor() as cursor:
            for model in (Member, Phase):
                table = model._meta.db_table
                cursor.execute(f"ALTER TABLE {table} ALTER id DROP IDENTITY")
                cursor.execute(f"CREATE SEQUENCE {table}_of_before START 1000 OWNED BY {table}.id")
                cursor.execute(f"ALTER TABLE {table} ALTER id SET DEFAULT nextval('{table}_of_before')")
            assert {day for day, _name, _text in said(turned(draft))} != set()
            for model in (Member, Phase):
                cursor.execute(f"SELECT last_value, is_called FROM {model._meta.db_table}_of_before")
                counted.append(cursor.fetchone())
        assert counted == [(1000, False), (1000, False)]

    def test_because_each_model_of_ours_has_its_place(self):
        """A new model hangs on a person, or says what was (`OF_BEFORE`), or has its place among what is set up here."""
        known = {*of_people(), *set_up()}
        own = [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]
        ours = {model for model in own if model.__module__.startswith("loyalty_oscar.")}
        assert {model._meta.app_label for model in ours - known} == {FIGURES}
        assert {model._meta.label_lower.removeprefix("loyalty_") for model in set_up()} == SET_UP
        assert {model._meta.label for model in ours} >= OF_BEFORE
        assert {get_user_model(), get_model("order", "Order"), get_model("basket", "Basket"), Account} <= set(
            of_people()
        )
        assert not {get_model("catalogue", "Product"), get_model("partner", "StockRecord")} & known

    def test_without_tables_apart_it_would(self, draft, monkeypatch):
        """The broken twin: the same play where the real tables are."""
        monkeypatch.setitem(apart.MAKERS, connection.vendor, lambda *told: None)
        user = get_user_model().objects.create_user("real", "real@example.com", "x")
        a_program(live_from=NOW - timedelta(days=1))
        real = imported(user=user, lines=[("25.00", 2)], placed_at=NOW - timedelta(hours=1))
        touched = []
        monkeypatch.setattr(
            playing._Play, "_begin", lambda play, pk: Unit.objects.select_related("program").get(program_id=pk)
        )
        monkeypatch.setattr(
            playing._Play,
            "_undelivered",
            lambda play: [*touched, *OrderSync.objects.filter(order_id=real.pk).values_list("order_id", flat=True)],
        )
        monkeypatch.setattr(playing._Play, "_happened", lambda play, day, at: playing.Happened(day=day))
        assert turned(draft, months=1).failed == [real.pk]


class TestWhatIsRefused:
    def test_is_a_program_that_is_live(self, draft):
        change_state(program=draft, to=State.LIVE, actor="system", at=NOW)
        draft.refresh_from_db()
        with pytest.raises(NotAllowed):
            turned(draft)
        client = staff()
        assert client.post(page(draft), typed()).status_code == 409
        answer = client.get(page(draft))
        assert "Only the clock of a draft can be turned" in text_of(answer)
        assert 'name="until"' not in text_of(answer)
        assert page(draft) not in text_of(client.get(reverse("admin:loyalty_program_program_change", args=[draft.pk])))

    @pytest.mark.parametrize(("until", "is_fine"), [(date(2028, 6, 20), True), (date(2028, 6, 21), False)])
    def test_is_more_than_two_years(self, draft, until, is_fine, monkeypatch):
        monkeypatch.setattr(playing._Play, "until", lambda play, until, *told: until)
        if is_fine:
            assert turned(draft, until=until) == until
        else:
            with pytest.raises(NotAllowed):
                turned(draft, until=until)

    def test_is_a_database_without_tables_apart(self, draft, monkeypatch):
        monkeypatch.setattr(apart, "MAKERS", {})
        assert "has no tables apart" in text_of(staff().post(page(draft), typed()))

    def test_is_a_shop_whose_customers_are_rows_of_several_tables(self, draft, monkeypatch):
        # What the class below leaves there is taken away in the end.
        monkeypatch.setattr(get_user_model(), "customer", None, raising=False)
        with isolate_apps("tests"):

            class Customer(get_user_model()):
                class Meta:
                    app_label = "tests"

        monkeypatch.setattr(playing, "get_user_model", lambda: Customer)
        text = text_of(staff().post(page(draft), typed()))
        assert "In this shop each customer is a row of several tables. No test member is. Nothing was changed." in text

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has that little room for locks")
    def test_is_a_second_play_at_the_same_time(self, draft):
        begun, ends = threading.Event(), threading.Event()

        def plays():
            with apart.apart(empty=[Member], copied=[Program]):
                begun.set()
                ends.wait(60)
            connection.close()

        other = threading.Thread(target=plays)
        other.start()
        begun.wait(60)
        try:
            answer = staff().post(page(draft), typed())
        finally:
            ends.set()
            other.join()
        assert "Somebody else is turning a clock. Try again in a minute. Nothing was changed." in text_of(answer)
        assert "The clock stands at" in text_of(staff().post(page(draft), typed()))

    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ({"until": ""}, "Say to which day the clock is to be turned."),
            ({"until": "31.31.2026"}, "There is no such day. Type it as 2027-01-31."),
            ({"until": "2026-06-19"}, "Choose a day from 20 June 2026 to 20 June 2028."),
            ({"until": "2028-06-21"}, "Choose a day from 20 June 2026 to 20 June 2028."),
            (
                {"orders_1": "2026-06-22 50.00\nnever"},
                "In line 2 there is no day with an amount: “2026-06-21 50.00” is one.",
            ),
            ({"orders_1": "2026-06-22 0"}, "In line 1 there is no day with an amount"),
            ({"orders_1": "2026-06-22 1.234"}, "In line 1 there is no day with an amount"),
            ({"orders_1": "2026-06-19 50"}, "Choose a day from 20 June 2026 to 20 June 2028."),
            ({"orders_1": "2026-06-22 1\n" * 51}, "At most 50 orders for each member, please."),
            ({"name_1": ""}, "Say who orders this."),
            ({"name_1": "", "orders_1": ""}, "Name one test member at least."),
            ({"birthday_1": "soon"}, "There is no such day. Type it as 2027-01-31."),
        ],
    )
    def test_is_what_makes_no_sense_and_keeps_what_was_typed(self, draft, changed, says):
        text = text_of(staff().post(page(draft), typed(**changed)))
        assert says in text
        assert "The clock stands at" not in text
        assert 'value="Ann"' in text or "name_1" in changed


class TestThePage:
    def test_begins_with_an_example_that_can_be_played(self, draft):
        client = staff()
        text = text_of(client.get(page(draft)))
        assert "2026-06-21 50.00" in text
        assert 'value="2026-08-04"' in text
        assert "On to what happens next" not in text

    @pytest.mark.parametrize(
        ("currency", "order", "earned"), [("JPY", "2026-06-21 5000", 100), ("KWD", "2026-06-21 50.000", 100_000)]
    )
    def test_begins_with_an_example_that_buys_something_in_each_currency(self, draft, currency, order, earned):
        """Two points for each coin of a yen program's hundred, or for each thousandth of a dinar."""
        Program.objects.filter(pk=draft.pk).update(currency=currency)
        params = {"currency": currency, "points": 2, "step_minor": 100 if currency == "JPY" else 1}
        unit = Unit.objects.select_related("program").get(program=draft)
        save_rule(unit=unit, code="base", name="Base", type="per-amount", params=params, actor="system", at=NOW)
        client = staff()
        form = client.get(page(draft)).context["form"]
        told = {field.html_name: field.value() or "" for field in form}
        assert told["orders_2"] == order
        text = text_of(client.post(page(draft), told | {"letters": "on", "turn": "x"}))
        assert f"+{earned:,} points earned: Order TEST-1" in text

    def test_shows_the_days_and_the_mails(self, draft):
        text = text_of(staff().post(page(draft), typed()))
        assert "The clock stands at 20 December 2026." in text
        assert "+100 points earned: Order TEST-1" in text
        assert "A mail to Ann: Ann, 100 points for order TEST-1" in text
        assert mail.outbox == []

    def test_goes_on_to_what_happens_next(self, draft):
        told = typed(until="2026-06-22", next="x")
        del told["turn"]
        text = text_of(staff().post(page(draft), told))
        assert "The clock stands at 6 July 2026." in text
        assert 'value="2026-07-06"' in text

    def test_says_that_nothing_happens(self, draft):
        text = text_of(staff().post(page(draft), typed(until="2026-06-21")))
        assert "Nothing happens until then." in text

    def test_is_led_to_from_the_page_of_a_draft(self, draft):
        assert page(draft) in text_of(staff().get(reverse("admin:loyalty_program_program_change", args=[draft.pk])))


class TestWhoMay:
    def test_look_is_who_sees_programs(self, draft):
        client = staff("view_program")
        assert 'name="until"' not in text_of(client.get(page(draft)))
        assert client.post(page(draft), typed()).status_code == 403

    def test_turn_is_who_changes_programs(self, draft):
        assert staff("change_program").post(page(draft), typed(until="2026-06-23")).status_code == 200

    def test_nobody_else_does(self, draft):
        assert staff("view_member").get(page(draft)).status_code == 403
        assert Client().get(page(draft)).status_code == 302

    @pytest.mark.parametrize("key", ["0", "x", "9" * 30])
    def test_of_no_program_there_is_none(self, key):
        assert staff().get(reverse("admin:loyalty_program_program_test_clock", args=[key])).status_code == 404

    def test_the_page_costs_few_queries(self, draft, django_assert_num_queries):
        client = staff()
        client.get(page(draft))
        with django_assert_num_queries(5):
            client.get(page(draft))
