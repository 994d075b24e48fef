"""The only writer of what is used: points in a basket and for its order, and rewards that members have."""

from . import on_baskets
from .claims import (
    CannotClaim,
    ask,
    buy,
    expire,
    fulfil,
    give_back,
    not_fulfilled,
    open_now,
    present,
    put_off,
    put_off_all,
    show_code,
)
from .codes import add_codes
from .using import begin_payment, bring_back, leave, move, replace, set_aside, take

__all__ = [
    "CannotClaim",
    "add_codes",
    "ask",
    "begin_payment",
    "bring_back",
    "buy",
    "expire",
    "fulfil",
    "give_back",
    "leave",
    "move",
    "not_fulfilled",
    "on_baskets",
    "open_now",
    "present",
    "put_off",
    "put_off_all",
    "replace",
    "set_aside",
    "show_code",
    "take",
]
