"""Sent inside the transaction that makes the change; receivers above do their part of it there."""

from django.dispatch import Signal

#: sender=Program; program, before, after (State values), at
program_state_changed = Signal()
#: sender=Member; member, at: a person took part for the first time
member_joined = Signal()
#: sender=Member; member_id, program_id, rank, at: a member climbed to a level, and is told so
level_reached = Signal()
#: sender=Member; program_id, losses, at: goods that went back, or staff, took levels from members, told of together so
#: that what is shared is locked in one order. `losses` holds of each the key of the member, the rank that is left, and
#: since when the first of the levels above it had been climbed to
level_lost = Signal()
#: The same of levels that would be lost, in a look ahead: receivers post to a ledger that only notes it, and write
#: nothing else
level_would_be_lost = Signal()
#: sender=Member; member_id, key, at: a reward that a member had under a key went back, with the account locked
reward_gone_back = Signal()
