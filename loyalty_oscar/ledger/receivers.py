"""What the ledger does when a program pauses, resumes or closes, in the same transaction."""

from datetime import datetime

from django.dispatch import receiver

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program.models import Program, State
from loyalty_oscar.program.signals import program_state_changed

from . import operations
from .models import Account, Hold, Lot


@receiver(program_state_changed, sender=Program, dispatch_uid="loyalty_oscar.ledger.follow_program")
def follow_program(sender, program: Program, before: str, after: str, at: datetime, **kwargs) -> None:
    """Paused: holds go back. Live again: dates move by the pause. Closed: holds go back, the rest is written off."""
    if after in (State.PAUSED, State.CLOSED):
        why = Because("program_paused" if after == State.PAUSED else "program_closed")
        for hold in Hold.objects.filter(account__member__program=program, state=Hold.State.OPEN).order_by("account_id"):
            operations.release(hold_id=hold.pk, account_id=hold.account_id, because=why, at=at)
    if after == State.CLOSED:
        for account in Account.objects.filter(member__program=program).order_by("pk"):
            operations.write_off(account_id=account.pk, key=f"program:{program.pk}:close", at=at)
    elif before == State.PAUSED and after in (State.LIVE, State.CLOSING):
        _put_off(program, at)


def _put_off(program: Program, at: datetime) -> None:
    paused = program.phases.filter(state=State.PAUSED).last()
    if paused is None:
        return
    pause = at - paused.starts_at
    lots = Lot.objects.filter(
        account__member__program=program, is_open=True, state=Lot.State.OPEN, expires_at__gt=paused.starts_at
    )
    for lot in lots.order_by("account_id", "pk").iterator():
        operations.extend(
            account_id=lot.account_id,
            lot_id=lot.pk,
            expires_at=lot.expires_at + pause,
            because=Because("program_was_paused", days=pause.days),
            alive_at=paused.starts_at,
            at=at,
        )
