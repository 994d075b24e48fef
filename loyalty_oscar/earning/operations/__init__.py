"""
Changing rules. What orders bring is worked out in `effects`, from the one `sync_order`.
"""

from .versions import revoke_batch, save_rule, switch_rule, take_back_version

__all__ = ["revoke_batch", "save_rule", "switch_rule", "take_back_version"]
