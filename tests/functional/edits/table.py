"""The edits of docs/reference/edited-orders.md, by the words in the first column of its tables."""

import re
from dataclasses import dataclass
from pathlib import Path

from .story import AGAIN, ANNA, BASKET, BED, BOWL, EDITED, LATER, RENAMED, day
from .ways import (
    Add,
    Again,
    Backup,
    Change,
    ComesBack,
    Delete,
    DeleteProduct,
    DeleteSelected,
    LineStatus,
    OrderChange,
    PaidBack,
    Remove,
    Status,
    Undo,
    costs,
)

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "edited-orders.md"
COLUMNS = ("earned", "used", "level", "gift", "friends", "pieces", "campaigns")
EVERYWHERE, ON_LINES, BY_CODE = ("dashboard", "admin", "orm", "silent"), ("admin", "orm", "silent"), ("orm", "silent")


@dataclass
class Edit:
    """What is done, in batches that are each seen alone; by which ways; when."""

    batches: list
    ways: tuple = ON_LINES
    at: object = EDITED
    #: What happened before, and for which ways.
    before: tuple = ()
    before_by: tuple = ()


SPLIT = [Change("bowls", {"quantity": 1, **costs("24", "25")}), Add(BOWL, 1, costs("24", "25"))]
MERGE = [Change("bed", {"quantity": 2, **costs("192", "200")}), Remove("tagged bed")]
CANCEL, STAND = [Status("Cancelled")], [Status("Delivered")]
NOT_YET = [OrderChange({"status": "Shipped"})]

EDITS = {
    # Lines
    "a line is split in two": Edit([SPLIT]),
    "two lines of one product become one": Edit([MERGE]),
    "a line is deleted and entered again": Edit([[Remove("bed"), Add(BED, 1, costs("96", "100"))]]),
    "the same, one day later": Edit([[Remove("bed")], [Add(BED, 1, costs("96", "100"))]]),
    "a line is deleted and entered again without its discount": Edit([[Remove("bed"), Add(BED)]]),
    "a line is swapped for another in one save": Edit([[Remove("bed"), Add(BASKET)]]),
    "another product is put on a line": Edit([[Change("bed", {"product": BASKET})]]),
    "a line comes late": Edit([[Add(BASKET)]]),
    "a line is deleted": Edit([[Remove("bed")]]),
    "all lines are deleted": Edit([[Remove("bed"), Remove("tagged bed"), Remove("bowls")]]),
    "a line is canceled": Edit([[LineStatus("bed", "Cancelled")]], EVERYWHERE),
    "a product is deleted from the catalogue": Edit([[DeleteProduct(BED)]], ("admin", "orm")),
    # Prices
    "a price is lowered, out of goodwill": Edit([[Change("bed", costs("60", "100"))]]),
    "a price is corrected, and its list price": Edit([[Change("bed", costs("46", "50"))]]),
    "a price is raised, and its list price": Edit([[Change("bed", costs("196", "200"))]]),
    "a price is raised: its discount is taken off": Edit([[Change("bed", costs("100", "100"))]]),
    # Quantities
    "a quantity is raised, with the price": Edit([[Change("bowls", {"quantity": 3, **costs("72", "75")})]]),
    "a quantity is raised, not the price": Edit([[Change("bowls", {"quantity": 3})]]),
    "a quantity is lowered, with the price": Edit([[Change("bowls", {"quantity": 1, **costs("24", "25")})]]),
    "a quantity is lowered, not the price": Edit([[Change("bowls", {"quantity": 1})]]),
    # What comes back
    "a piece comes back": Edit([[ComesBack("bowls", 1)]], ("dashboard", "orm", "silent")),
    "its event is deleted": Edit([[Undo("shipping")]], before=[ComesBack("bowls", 1)], before_by=ON_LINES),
    "a piece is refunded": Edit([[PaidBack("bowls", 1)]], ("dashboard", "orm", "silent")),
    "the refund is deleted": Edit([[Undo("payment")]], before=[PaidBack("bowls", 1)], before_by=ON_LINES),
    # Statuses
    "the order is canceled": Edit([CANCEL], EVERYWHERE, before=NOT_YET, before_by=("dashboard",)),
    "it is canceled, and stands again": Edit([CANCEL, STAND]),
    "its last status is taken back": Edit([[Status("Shipped")]]),
    # The order
    "the order is deleted before its return period is over": Edit([[Delete()]]),
    "it is deleted from a list": Edit([[DeleteSelected()]]),
    "it is deleted, and restored from a backup": Edit([[backup := Backup()], [backup]], BY_CODE),
    "it is moved to another customer": Edit([[OrderChange({"user": ANNA})]]),
    "its customer is taken off": Edit([[OrderChange({"user": None})]]),
    "it is moved to another site": Edit([[OrderChange({"site": 7})]]),
    "its currency is changed": Edit([[OrderChange({"currency": "JPY"})]]),
    "its date is changed": Edit([[OrderChange({"date_placed": day(2, 3)})]]),
    "its number is changed": Edit([[OrderChange({"number": RENAMED})]], BY_CODE),
    "it is imported a second time under another number": Edit([[Again(AGAIN)]], BY_CODE),
    "it is deleted and imported again under another number": Edit([[Again(AGAIN), Delete()]], BY_CODE),
    # Once the return period is over
    "the order is deleted": Edit([[Delete()]], at=LATER),
    "a line is deleted after that": Edit([[Remove("bed")]], at=LATER),
    "the order is canceled after that": Edit([CANCEL], at=LATER),
    "a piece comes back after that": Edit([[ComesBack("bowls", 1)]], BY_CODE, at=LATER),
}


def rows():
    """The rows of the tables: what is done -> what each feature says then."""
    found = {}
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == len(COLUMNS) + 2 and not set(cells[1]) <= {"-", ":"} and cells[1] != COLUMNS[0]:
            assert cells[0] not in found, f"the table has {cells[0]!r} twice"
            found[cells[0]] = dict(zip(COLUMNS, cells[1:-1], strict=True))
    return found
