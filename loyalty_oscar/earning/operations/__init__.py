"""
Changing rules, and giving points for actions. What orders bring is worked out in `effects`, from the one `sync_order`.
"""

from .actions import (
    act,
    confirm_address,
    forget_address,
    forget_birthday,
    give_birthdays,
    save_birthday,
    take_back,
    undo_act,
    use_word,
)
from .versions import revoke_batch, save_rule, switch_rule

__all__ = [
    "act",
    "confirm_address",
    "forget_address",
    "forget_birthday",
    "give_birthdays",
    "revoke_batch",
    "save_birthday",
    "save_rule",
    "switch_rule",
    "take_back",
    "undo_act",
    "use_word",
]
