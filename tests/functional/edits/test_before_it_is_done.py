"""What the dashboard says of a return before it is done is what becomes of it, whatever was edited before."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from loyalty_oscar.shop.orders.returns import preview, preview_cancelled
from loyalty_oscar.shop.orders.sync import sweep
from loyalty_oscar.testing import clock
from tests.functional.edits import story
from tests.functional.edits.doing import done, night
from tests.functional.edits.story import ANNA, BORIS, PRIYA
from tests.functional.edits.table import EDITS
from tests.functional.edits.ways import OrderChange, staff
from tests.orders import come_back, paid_back
from tests.storefront import ripen, text_of

pytestmark = pytest.mark.django_db
#: After these there is nothing left that could come back.
OVER = ("deleted", "canceled", "all lines")
LEFT = [name for name in EDITS if not any(word in name for word in OVER) or "stands" in name or "a line is" in name]
#: These bring points of their own once somebody looks; until then nobody can say what takes them along.
BRINGS = (
    *("a line is swapped for another in one save", "another product is put on a line", "a line comes late"),
    *("a quantity is raised, with the price", "it is imported a second time under another number"),
)
CASES = [(name, True) for name in LEFT] + [(name, False) for name in LEFT if name not in BRINGS]


def told(found):
    """What a preview says of both accounts, in all."""
    return found.returned - found.taken


def both():
    return story.total_of(PRIYA) + story.total_of(BORIS)


def really(at, what):
    """What it comes to when it is done, and undone again."""
    before = both()
    with transaction.atomic():
        with clock.at(at):
            what()
        # Reviews are looked at by another job, and no order knows of them.
        list(sweep(at=at, everything=True))
        change = both() - before
        transaction.set_rollback(True)
    return change


@pytest.mark.parametrize(
    ("name", "is_seen"), CASES, ids=[f"{n}{'' if seen else ', not seen yet'}" for n, seen in CASES]
)
class TestAReturnAfterAnEdit:
    def edited(self, name, is_seen):
        edit, at = EDITS[name], EDITS[name].at
        if at == story.LATER:
            ripen(on=at)
        if edit.before_by:
            done("orm", edit.before, at)
            night(at)
        for batch in edit.batches:
            at += timedelta(days=1)
            done("orm", batch, at, is_seen=is_seen)
            if is_seen:
                night(at)
        return story.the_order(), at

    def test_of_one_piece_does_what_is_said_before(self, shop, name, is_seen):
        order, at = self.edited(name, is_seen)
        meanwhile = 0 if is_seen else really(at, lambda: None)
        back = paid_back if "refunded" in name else come_back  # A piece may be both, and is one piece then.
        for line in order.lines.exclude(status="Cancelled"):
            found = preview(order=order, quantities={line.pk: 1}, at=at)
            change = really(at, lambda line=line: back(line=line, quantity=1))
            assert told(found) == change - meanwhile, line.title

    def test_of_all_does_what_is_said_before(self, shop, name, is_seen):
        order, at = self.edited(name, is_seen)
        meanwhile = 0 if is_seen else really(at, lambda: None)
        left = {line.line_id: line.left for line in preview(order=order, at=at).lines}

        def all_back():
            for line in order.lines.all():
                if left[line.pk]:
                    (paid_back if "refunded" in name else come_back)(line=line, quantity=left[line.pk])

        assert told(preview(order=order, at=at)) == really(at, all_back) - meanwhile
        cancelled = really(at, lambda: OrderChange({"status": "Cancelled"}).orm(order))
        assert told(preview_cancelled(order=order, at=at)) == cancelled - meanwhile


class TestThePageOfAnOrder:
    def page(self):
        return text_of(staff().get(reverse("dashboard:order-detail", args=[story.the_order().number])))

    def test_says_nothing_of_whom_it_belongs_to_while_that_is_its_customer(self, shop):
        assert "who placed it" not in self.page()

    def test_says_with_whom_an_order_stays_that_was_moved(self, shop):
        done("orm", [OrderChange({"user": ANNA})], story.EDITED)
        said = self.page()
        assert f"This order was moved to {ANNA}." in said
        assert f"it stays with the member who placed it, {PRIYA}" in said
        assert "260 paws" in said

    def test_says_with_whom_an_order_stays_whose_customer_was_taken_off(self, shop):
        done("silent", [OrderChange({"user": None})], story.EDITED)
        night(story.EDITED)
        assert (
            f"The customer was taken off this order. For the program it stays with the member who placed it, {PRIYA}"
            in (self.page())
        )
