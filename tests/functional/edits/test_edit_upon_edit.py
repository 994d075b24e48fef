"""Edits upon edits: what several of them come to is what the docs say of the one that they amount to."""

import pytest

from tests.functional.edits import story
from tests.functional.edits.doing import carried_out
from tests.functional.edits.story import ANNA, BASKET, BED, EDITED, LATER, PRIYA
from tests.functional.edits.table import CANCEL, MERGE, SPLIT, STAND, rows
from tests.functional.edits.ways import (
    Add,
    Backup,
    Change,
    ComesBack,
    Delete,
    OrderChange,
    PaidBack,
    Remove,
    costs,
)

pytestmark = pytest.mark.django_db
backup = Backup()
FULL = Change("bed", costs("100", "100"))
AGAIN = Add(BED, 1, costs("96", "100"))
MOVED = OrderChange({"user": ANNA})
ELSEWHERE = OrderChange({"site": 7})
ONE_BOWL_BACK, ONE_BOWL_REFUNDED = ComesBack("bowls", 1), PaidBack("bowls", 1)
EXCHANGE = Change("bed", {"product": BASKET})

#: What is done, batch by batch, and the row of the docs that it amounts to.
SERIES = {
    "split, and a piece comes back": ([SPLIT, [ONE_BOWL_BACK]], "a piece comes back"),
    "split, and merged again": (
        [SPLIT, [Remove("bowls")], [Change("bowls", {"quantity": 2, **costs("48", "50")})]],
        "nothing",
    ),
    "merged, and lowered by one": (
        [MERGE, [Change("bed", {"quantity": 1, **costs("96", "100")})]],
        "a line is deleted",
    ),
    "merged, and the line is deleted and entered again": (
        [MERGE, [Remove("bed")], [Add(BED, 2, costs("192", "200"))]],
        "nothing",
    ),
    "entered again twice": ([[Remove("bed"), AGAIN], [Remove("bed"), AGAIN]], "nothing"),
    "discount taken off, and given back": ([[FULL], [Change("bed", costs("96", "100"))]], "nothing"),
    "discount taken off, and the line deleted": ([[FULL], [Remove("bed")]], "a line is deleted"),
    "a goodwill price, and then a piece less": (
        [[Change("bowls", costs("30", "50"))], [Change("bowls", {"quantity": 1, **costs("15", "25")})]],
        "a quantity is lowered, with the price",
    ),
    "raised, and lowered again": (
        [
            [Change("bowls", {"quantity": 3, **costs("72", "75")})],
            [Change("bowls", {"quantity": 2, **costs("48", "50")})],
        ],
        "nothing",
    ),
    "late, and deleted again": ([[Add(BASKET)], [Remove("basket")]], "nothing"),
    "late, canceled, and standing again": ([[Add(BASKET)], CANCEL, STAND], "a line comes late"),
    "late after its customer was taken off": ([[OrderChange({"user": None})], [Add(BASKET)]], "a line comes late"),
    "late after it was moved": ([[MOVED], [Add(BASKET)]], "a line comes late"),
    "late on another site": ([[ELSEWHERE], [Add(BASKET)]], "a line comes late"),
    "late in another currency": ([[OrderChange({"currency": "JPY"})], [Add(BASKET)]], "a line comes late"),
    "a discount taken off in another currency": (
        [[OrderChange({"currency": "JPY"})], [FULL]],
        "a price is raised: its discount is taken off",
    ),
    "moved, and a piece comes back": ([[MOVED], [ONE_BOWL_BACK]], "a piece comes back"),
    "moved, and canceled": ([[MOVED], CANCEL], "the order is canceled"),
    "moved, and deleted": ([[MOVED], [Delete()]], "the order is deleted before its return period is over"),
    "moved, and moved back": ([[MOVED], [OrderChange({"user": PRIYA})]], "nothing"),
    "its customer taken off, and a line deleted": (
        [[OrderChange({"user": None})], [Remove("bed")]],
        "a line is deleted",
    ),
    "on another site, and a line is deleted": ([[ELSEWHERE], [Remove("bed")]], "a line is deleted"),
    "another day, and a piece comes back": (
        [[OrderChange({"date_placed": story.day(2, 3)})], [ONE_BOWL_BACK]],
        "a piece comes back",
    ),
    "one piece returned and refunded": ([[ONE_BOWL_BACK], [ONE_BOWL_REFUNDED]], "a piece comes back"),
    "a piece back, canceled, standing again": ([[ONE_BOWL_BACK], CANCEL, STAND], "a piece comes back"),
    "exchanged, and the line deleted": ([[EXCHANGE], [Remove("bed")]], "a line is deleted"),
    "exchanged, and exchanged back": ([[EXCHANGE], [Change("bed", {"product": BED})]], "nothing"),
    "exchanged, canceled, standing again": ([[EXCHANGE], CANCEL, STAND], "another product is put on a line"),
    "deleted, restored, and a piece comes back": ([[backup], [backup], [ONE_BOWL_BACK]], "a piece comes back"),
    "canceled, and deleted": ([CANCEL, [Delete()]], "the order is canceled"),
    "everything at once": (
        [[*SPLIT, *MERGE, Add(BASKET), Remove("basket"), OrderChange({"user": ANNA, "site": 7, "currency": "JPY"})]],
        "nothing",
    ),
}
#: The same, and what it amounts to where nobody looked before the order was gone.
LATE_SERIES = {
    "canceled after the return period, and tidied up": (
        [CANCEL, [Delete()]],
        "the order is canceled after that",
        "the order is deleted",
    ),
    "a piece back after the return period, and tidied up": (
        [[ONE_BOWL_BACK], [Delete()]],
        "a piece comes back after that",
        "the order is deleted",
    ),
    "a line taken off after the return period, and tidied up": (
        [[Remove("bed")], [Delete()]],
        "a line is deleted after that",
        "the order is deleted",
    ),
    "tidied up, and restored from a backup": ([[backup], [backup]], "the order is deleted", "the order is deleted"),
    "moved, and tidied up": ([[MOVED], [Delete()]], "the order is deleted", "the order is deleted"),
}
ALL = {name: (EDITED, batches, row, row) for name, (batches, row) in SERIES.items()}
ALL |= {name: (LATER, *found) for name, found in LATE_SERIES.items()}


@pytest.mark.parametrize("way", ["orm", "silent"])
@pytest.mark.parametrize("name", ALL)
class TestSeveralEdits:
    def test_come_to_what_the_docs_say(self, shop, name, way):
        at, batches, row, _unseen = ALL[name]
        carried_out(way, batches, at=at, is_seen=True)
        assert story.now() == rows()[row]

    def test_come_to_the_same_where_nobody_looks_in_between(self, shop, name, way):
        at, batches, _seen, row = ALL[name]
        carried_out(way, batches, at=at, is_seen=False)
        assert story.now() == rows()[row]
