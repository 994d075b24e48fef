"""The only writer of points. Each call is one transaction with one readable key; a replay is no change."""

from .desk import Posted, open_account
from .expiry import expire, expire_due, extend, shorten, write_off
from .foresight import beside, foreseen
from .freezing import end_freeze, freeze
from .grants import LotGrant, adjust, mature, mature_due, post, post_many, schedule
from .holds import HoldOutcome, capture, place_hold, release, renew, restore, settle_holds
from .merging import CannotMerge, merge, unmerge
from .recording import recorded
from .spending import spend
from .undo import claw_back, give_back, reverse, use_again
from .undo_many import Claw, claw_back_together

__all__ = [
    "CannotMerge",
    "Claw",
    "HoldOutcome",
    "LotGrant",
    "Posted",
    "adjust",
    "beside",
    "capture",
    "claw_back",
    "claw_back_together",
    "end_freeze",
    "expire",
    "expire_due",
    "extend",
    "foreseen",
    "freeze",
    "give_back",
    "mature",
    "mature_due",
    "merge",
    "open_account",
    "place_hold",
    "post",
    "post_many",
    "recorded",
    "release",
    "renew",
    "restore",
    "reverse",
    "schedule",
    "settle_holds",
    "shorten",
    "spend",
    "unmerge",
    "use_again",
    "write_off",
]
