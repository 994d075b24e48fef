"""Files of staff: balances from another system, and points for many. Every row is checked before one is written."""

from .before import ImportRow
from .checking import Balances, read, read_known
from .giving import GiftRow, Gifts, give_all, left_today, read_gifts, undo_all
from .posting import is_there, post, undo
from .sheet import BadFile, name_of

__all__ = [
    "BadFile",
    "Balances",
    "GiftRow",
    "Gifts",
    "ImportRow",
    "give_all",
    "is_there",
    "left_today",
    "name_of",
    "post",
    "read",
    "read_gifts",
    "read_known",
    "undo",
    "undo_all",
]
