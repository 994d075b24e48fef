"""Edits while an account, a program or the shop is in a state of its own."""

import pytest
from django.test import override_settings
from oscar.core.loading import get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import clock
from tests.functional.edits import story
from tests.functional.edits.doing import done, night
from tests.functional.edits.story import BASKET, EDITED, LATER, PRIYA, day
from tests.functional.edits.table import CANCEL, STAND, rows
from tests.functional.edits.ways import Add, Change, ComesBack, Delete, OrderChange, Remove, Status, Undo, costs
from tests.integration.ledger.books import balance
from tests.points import use
from tests.storefront import a_basket, ripen

pytestmark = pytest.mark.django_db
Basket = get_model("basket", "Basket")
TAKING = {"canceled": CANCEL, "a line deleted": [Remove("bed")], "a piece back": [ComesBack("bowls", 1)]}
UNDOING = {
    "canceled": STAND,
    "a line deleted": [Add("Bed", 1, costs("96", "100"))],
    "a piece back": [Undo("shipping")],
}
#: What these take of the points that the order brought, and of those that it used.
SHARES = {"canceled": (260, 1000), "a line deleted": (96, 400), "a piece back": (24, 100)}


def priya():
    return Account.objects.get(member__user__email=PRIYA)


def all_of(account):
    """What an account has, in all."""
    ready, coming, aside, owed = balance(account)
    return ready + coming + aside - owed


def spend_all():
    """Priya gives all that is ready away."""
    account = priya()
    ledger.adjust(
        account_id=account.pk, points=-account.available, key="manual:spent", because=Because("adjusted"),
        actor="staff:1", note="a trip", at=LATER,
    )  # fmt: skip
    assert priya().available == 0


@pytest.mark.parametrize("edit", TAKING)
class TestPointsThatAreSpentElsewhere:
    def test_are_owed_and_come_back_with_the_order(self, shop, edit):
        ripen(on=LATER)
        spend_all()
        before = balance(priya())
        done("orm", TAKING[edit], LATER)
        brought, used = SHARES[edit]
        also = {"canceled": 150, "a line deleted": 150, "a piece back": 0}[edit]  # of Silver and the friend
        assert all_of(priya()) == used - brought - also
        assert balance(priya())[0] == max(0, used - brought - also)
        done("orm", UNDOING[edit], day(5, 7))
        night(day(5, 8))
        assert all_of(priya()) == sum(before[:3]) - before[3]

    def test_are_the_shops_loss_where_it_bears_what_is_missing(self, shop, edit):
        Program.objects.update(debt_policy="clamp")
        Program.objects.get().save()
        forget_cache()
        ripen(on=LATER)
        spend_all()
        done("orm", TAKING[edit], LATER)
        assert balance(priya())[3] == 0
        after = all_of(priya())
        done("orm", UNDOING[edit], day(5, 7))
        night(day(5, 8))
        assert balance(priya())[3] == 0
        assert after >= 0


@pytest.mark.parametrize("edit", TAKING)
class TestPointsThatAreBeingPaidWith:
    def test_stay_with_the_payment(self, shop, edit):
        ripen(on=LATER)
        account, user = priya(), priya().member.user
        with clock.at(LATER):
            basket = use(
                user, a_basket(user, (story.product(BASKET), 10)), account.available, unit=account.unit, at=LATER
            )
            basket.freeze()
        aside = priya().reserved
        done("orm", TAKING[edit], LATER)
        assert priya().reserved == aside
        done("orm", UNDOING[edit], day(5, 7))
        with clock.at(LATER):
            basket.thaw()
        night(day(5, 8))
        assert {**story.now(), "campaigns": ""} == {**rows()["nothing"], "campaigns": ""}


class TestPointsThatRanOut:
    def test_are_not_owed_and_do_not_come_back(self, shop):
        ripen(on=LATER)
        late = day(12, 31, 2028)
        with clock.at(late):
            list(jobs.run(only="expire", at=late))
        assert priya().available == 0
        done("orm", [Remove("bed")], late)
        assert priya().debt == 0
        done("orm", UNDOING["a line deleted"], late)
        night(late)
        assert (priya().available, priya().debt) == (0, 0)


class TestAProgram:
    def pause(self):
        change_state(program=Program.objects.get(), to="paused", actor="system", at=EDITED)
        forget_cache()

    @pytest.mark.parametrize(
        ("batch", "row"),
        [
            ([Remove("bed")], "a line is deleted"),
            ([Add(BASKET)], "a line comes late"),
            ([ComesBack("bowls", 1)], "a piece comes back"),
            ([Change("bed", costs("100", "100"))], "a price is raised: its discount is taken off"),
            ([Delete()], "the order is deleted before its return period is over"),
        ],
    )
    def test_counts_orders_from_before_its_pause_as_ever(self, shop, batch, row):
        self.pause()
        done("orm", batch, day(4, 5))
        night(day(4, 6))
        assert story.now() == rows()[row]

    def close(self):
        program = Program.objects.get()
        change_state(program=program, to="closing", actor="system", at=EDITED)
        change_state(program=Program.objects.get(), to="closed", actor="system", at=day(9, 1))
        forget_cache()
        with clock.at(day(9, 2)):
            list(jobs.run(at=day(9, 2), nightly=True))
        assert balance(priya()) == (0, 0, 0, 0)

    @pytest.mark.parametrize("edit", TAKING)
    def test_that_is_closed_owes_and_asks_for_nothing_any_more(self, shop, edit):
        self.close()
        done("orm", TAKING[edit], day(9, 3))
        with clock.at(day(9, 4)):
            list(jobs.run(at=day(9, 4), nightly=True))
        assert balance(priya()) == (0, 0, 0, 0)
        done("orm", UNDOING[edit], day(9, 5))
        with clock.at(day(9, 6)):
            list(jobs.run(at=day(9, 6), nightly=True))
        assert balance(priya()) == (0, 0, 0, 0)


GERMAN = {
    "OSCAR_ORDER_STATUS_PIPELINE": {
        "Neu": ("Versendet", "Storniert"),
        "Versendet": ("Geliefert", "Storniert"),
        "Geliefert": ("Storniert",),
        "Storniert": ("Geliefert",),
    },
    "OSCAR_LINE_STATUS_PIPELINE": {"Neu": ("Storniert",), "Storniert": ("Neu",)},
    "LOYALTY_READY_STATUS": "Geliefert",
    "LOYALTY_DEAD_STATUSES": ("Storniert",),
    "LOYALTY_DEAD_LINE_STATUSES": ("Storniert",),
    "LOYALTY_RETURN_EVENT_CODES": ("retoure",),
}


@pytest.mark.parametrize("way", ["orm", "silent", "admin"])
class TestAShopThatSpeaksGerman:
    @pytest.fixture(autouse=True)
    def german(self, shop):
        with override_settings(**GERMAN):
            order = story.the_order()
            order.status_changes.filter(new_status="Delivered").update(new_status="Geliefert")
            done("orm", [OrderChange({"status": "Geliefert"})], EDITED)
            assert story.now() == rows()["nothing"]
            yield

    @pytest.mark.parametrize("word", ["Storniert", "storniert", "STORNIERT"])
    def test_cancels_in_its_own_word(self, way, word):
        done(way, [OrderChange({"status": word})], day(4, 5))
        night(day(4, 6))
        assert story.now() == rows()["the order is canceled"]
        done(way, [OrderChange({"status": "Geliefert"})], day(4, 7))
        night(day(4, 8))
        assert story.now() == rows()["it is canceled, and stands again"]

    def test_takes_lines_off_in_its_own_word(self, way):
        done(way, [Change("bed", {"status": "storniert"})], day(4, 5))
        night(day(4, 6))
        assert story.now() == rows()["a line is canceled"]

    def test_takes_a_last_status_back(self, way):
        done(way, [Status("Versendet")], day(4, 5))
        night(day(4, 6))
        assert story.now() == rows()["its last status is taken back"]

    def test_takes_goods_back_by_its_own_events(self, way):
        back = ComesBack("bowls", 1)
        back.code = "retoure"
        done("silent", [back], day(4, 5))
        night(day(4, 6))
        assert story.now() == rows()["a piece comes back"]
