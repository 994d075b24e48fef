"""Sent inside the transaction that makes the change; receivers above do their part of it there."""

from django.dispatch import Signal

#: sender=Program; program, before, after (State values), at
program_state_changed = Signal()
#: sender=Member; member, at: a person took part for the first time
member_joined = Signal()
#: sender=Member; member_id, program_id, rank, at: a member climbed to a level, and is told so
level_reached = Signal()
#: sender=Member; member_id, program_id, rank, since, at: goods that went back, or staff, took from a member the levels
#: above this one, the first of which had been climbed to at `since`
level_lost = Signal()
#: The same of levels that would be lost, in a look ahead: receivers post to a ledger that only notes it, and write
#: nothing else
level_would_be_lost = Signal()
#: sender=Member; member_id, key, at: a reward that a member had under a key went back, with the account locked
reward_gone_back = Signal()
