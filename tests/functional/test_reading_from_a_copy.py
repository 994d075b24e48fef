"""
A shop reads from a copy of its database that lags behind: what decides a write never reads there, nor does anything of
what is taken back in the end.
"""

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.sites.models import Site
from django.db import connections, router
from django.db.models.sql.compiler import SQLCompiler

import loyalty_oscar
from loyalty_oscar.earning.models import Award
from loyalty_oscar.program.db import rolled_back
from loyalty_oscar.program.models import Program
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.orders.unreturned import returns_of, undo_return
from loyalty_oscar.shop.testclock.play import MadeUp, play
from loyalty_oscar.shop.upkeep.presets import Answers, make, presets
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers.models import Standing
from tests.everything import everything
from tests.house.test_write_paths import is_writing
from tests.integration.tiers.ladders import a_ladder
from tests.orders import come_back, imported
from tests.storefront import a_club, a_product, a_user, buy, day, send_back

pytestmark = pytest.mark.django_db
PACKAGE = Path(loyalty_oscar.__file__).parent
#: Whose tables are copied: ours, and of Oscar's what points follow.
COPIED = ("loyalty_", "order")
NOW = datetime(2026, 6, 20, 8, tzinfo=UTC)


class Copy:
    """A router that sends every read of these apps to the copy for which no database was named."""

    def __init__(self, copied):
        self.copied = copied

    def db_for_read(self, model, **hints):
        return "copy" if model._meta.app_label.startswith(self.copied) else None

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, one, other, **hints):
        return True


def rooms(frame):
    """The files of the package through which a call came, the innermost first."""
    while frame:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PACKAGE):
            yield path.relative_to(PACKAGE), frame.f_lineno, frame.f_code.co_name
        frame = frame.f_back


@pytest.fixture
def read_there(settings, monkeypatch):
    """What was read from the copy, which is the database itself here under another name, and whether to write it."""
    found, run = set(), SQLCompiler.execute_sql

    def noted(self, *args, **kwargs):
        if self.using == "copy":
            way = list(rooms(sys._getframe(1)))
            path, line, name = way[0] if way else ("a test", 0, "")
            told = f"{path}:{line} {name} reads {self.query.model.__name__}"
            found.add((told, any(is_writing(path) for path, _line, _name in way)))
        return run(self, *args, **kwargs)

    monkeypatch.setattr(SQLCompiler, "execute_sql", noted)
    monkeypatch.setattr(connections._connections, "copy", connections["default"], raising=False)
    settings.DATABASE_ROUTERS = [Copy(COPIED)]
    return found


class TestAWritePath:
    def test_reads_nothing_from_the_copy_whatever_somebody_goes_through(self, read_there):
        seen = everything.__wrapped__()  # Lived anew: what happens meanwhile is looked at.
        assert len(seen.letters) > 10
        assert sorted(told for told, is_to_write in read_there if is_to_write) == []

    def test_that_follows_an_order_reads_nothing_there(self, read_there):
        a_club()
        user, clerk = a_user(), a_user("clerk@example.com")
        order = buy(user, (a_product(price="10.00"), 4), on=day(5, 1))
        # Another line comes late, a piece goes back and stands again, and one is seen first with a part of it gone.
        come_late(order)
        sync_orders(order_ids=[order.pk], at=day(5, 2))
        send_back(order, 1, on=day(5, 3))
        (told,) = returns_of(order=order)
        undo_return(order=order, kind="shipping", event_id=told.event.pk, staff=clerk, at=day(5, 4))
        seen_late = imported(user=user, lines=[("50.00", 2)], placed_at=day(5, 1))
        come_back(line=seen_late.lines.get(), quantity=1)
        sync_orders(order_ids=[seen_late.pk], at=day(5, 5))
        assert Award.objects.using("default").get(source_id=order.pk).given == 50
        assert Award.objects.using("default").get(source_id=seen_late.pk).given == 50
        assert sorted(told for told, is_to_write in read_there if is_to_write) == []

    def test_that_moves_the_date_of_a_level_reads_nothing_there(self, read_there):
        a_ladder(window="rolling")
        user = a_user()
        for number in (1, 2):
            buy(user, (a_product(price="160.00"), 1), on=day(3, number))
        assert Standing.objects.using("default").get(is_current=True).kept_until == datetime(2027, 3, 2, 23, tzinfo=UTC)
        assert sorted(told for told, is_to_write in read_there if is_to_write) == []

    def test_that_makes_a_ready_program_reads_nothing_there(self, read_there):
        for code in ("friends", "cashback", "stars"):
            make_ready_one(code)
        told = {told for told, is_to_write in read_there if is_to_write}
        # Django's own look before it saves has words for what the database refuses anyway.
        assert {one for one in told if " _save reads" not in one and " clean reads" not in one} == set()


def come_late(order):
    """A line of 10.00 is added to an order."""
    line = order.lines.first()
    line.pk, line.product, line.title, line.quantity = None, a_product("Bed"), "Bed", 1
    for name in ("line_price_incl_tax", "line_price_excl_tax"):
        setattr(line, name, Decimal("10.00"))
    line.save(force_insert=True)


def make_ready_one(code):
    """Make the draft of a ready program, with all that comes with it."""
    with clock.at(NOW):
        return make(preset=presets.get(code), code=code, name="X", currency="EUR", answers=Answers(), at=NOW)


class TestWhatIsTakenBack:
    """It was never committed, so no copy has it: tables apart, ready programs to compare, a rehearsal."""

    def test_is_read_where_it_is_written(self, read_there, settings):
        settings.DATABASE_ROUTERS = [Copy("")]
        with rolled_back():
            assert not Program.objects.exists()
            with rolled_back():
                assert not Program.objects.exists()
            assert not Site.objects.filter(domain="nowhere").exists()
        assert not read_there
        assert not Program.objects.exists()
        assert read_there

    def test_leaves_alone_what_is_written_elsewhere(self, settings):
        class Old(Copy):
            def db_for_write(self, model, **hints):
                return "old" if model is Site else "default"

        settings.DATABASE_ROUTERS = [Old("")]
        with rolled_back():
            assert [router.db_for_read(model) for model in (Site, Program)] == ["copy", "default"]

    @pytest.mark.parametrize("code", ["friends", "cashback", "stars"])
    def test_is_read_there_by_all_that_a_play_goes_through(self, read_there, settings, code):
        program = make_ready_one(code).program
        settings.DATABASE_ROUTERS = [Copy("")]
        assert program.unit_or_none  # As the page of the clock has asked before.
        read_there.clear()
        ann = MadeUp(name="Ann", orders=[(date(2026, 6, 22), Decimal(500))])
        with clock.at(NOW):
            played = play(program=program, people=[ann], until=date(2026, 7, 20), at=NOW)
        assert [one.subject for day in played.days for one in day.mails] != []
        assert sorted(told for told, _is_to_write in read_there) == []
