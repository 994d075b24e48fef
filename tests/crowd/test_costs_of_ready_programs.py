"""While somebody looks at what ready programs would have cost, the others sell, save and set up without waiting."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program.db import rolled_back
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import remembering_apart
from loyalty_oscar.shop.insights import choosing
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.orders import changes
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.upkeep import presets, wizard
from loyalty_oscar.shop.upkeep.jobs import look_at_prices
from loyalty_oscar.shop.upkeep.presets import Answers, make
from loyalty_oscar.testing import clock
from tests.orders import imported
from tests.storefront import TODAY, a_club, a_user

from .crowds import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)
ANSWERS = {
    "often": "sometimes", "margin": "some", "collects": "points", "levels": "no", "friends": "no", "hold_days": "14",
    "name": "Paw Club",
}  # fmt: skip


@pytest.fixture
def waiting():
    """An order of a customer that nobody has looked at."""
    a_club()
    return imported(user=a_user(), lines=[("25.00", 2)], placed_at=TODAY - timedelta(hours=1), status="Pending")


@pytest.fixture
def costs_are_worked_out(monkeypatch, waiting):
    """Somebody looks at the costs, and is kept in the middle of it; yields when that is so."""
    owner = get_user_model().objects.create_superuser("owner", "owner@example.org", "x")
    there, go_on, tried = threading.Event(), threading.Event(), choosing.sketch

    def slow(**told):
        there.set()
        go_on.wait(PATIENCE)
        return tried(**told)

    def look():
        client = Client()
        client.force_login(owner)
        with clock.at(TODAY):
            answer = client.post(reverse("admin:loyalty_program_program_choose"), ANSWERS)
        connection.close()
        return answer

    @contextmanager
    def begun():
        monkeypatch.setattr(choosing, "sketch", slow)
        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(look)
            try:
                assert there.wait(PATIENCE)
                yield looking
            finally:
                go_on.set()

    return begun


def count_it(order):
    sync_orders(order_ids=[order.pk], at=TODAY)


def save_the_program(order):
    Program.objects.get(state="live").save()


def change_a_price(order):
    look_at_prices()


def make_one(order):
    make(preset=presets.presets.get("points"), code="points", name="X", currency="EUR", answers=Answers(), at=TODAY)


def is_kept_waiting(do: Callable, order) -> bool:
    """Whether this has to wait for somebody else (a second and a half)."""
    with clock.at(TODAY):
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL lock_timeout = '1500ms'")
                do(order)
        except Exception as error:
            if "lock timeout" not in str(error):
                raise
            return True
    return False


@contextmanager
def in_one_transaction(**_told):
    """Tables apart as one writes them at first: the shop's own, and a rollback."""
    with rolled_back(), remembering_apart():
        yield


class TestTheCostsOfReadyPrograms:
    def test_keep_nobody_waiting(self, costs_are_worked_out, waiting):
        deeds = (count_it, save_the_program, change_a_price, make_one)
        with costs_are_worked_out() as looking:
            assert [deed.__name__ for deed in deeds if is_kept_waiting(deed, waiting)] == []
        cards = {card.code: card for card in looking.result().context["cards"]}
        assert cards["points"].cost.figures
        assert OrderSync.objects.get().order_id == waiting.pk
        assert Entry.objects.count() == 1

    def test_would_keep_who_sets_up_and_saves_waiting_on_tables_of_the_shop(
        self, costs_are_worked_out, waiting, monkeypatch
    ):
        monkeypatch.setattr(wizard, "apart", in_one_transaction)
        deeds = (count_it, save_the_program, make_one)
        with costs_are_worked_out():
            held = [deed.__name__ for deed in deeds if is_kept_waiting(deed, waiting)]
        assert held == ["save_the_program", "make_one"]

    def test_would_keep_who_orders_waiting_if_they_counted_orders(self, costs_are_worked_out, waiting, monkeypatch):
        monkeypatch.setattr(changes, "is_play", lambda: False)
        with costs_are_worked_out():
            assert is_kept_waiting(count_it, waiting)
