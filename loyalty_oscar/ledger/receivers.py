"""What the ledger does when a program pauses, resumes or closes, in the same transaction."""

from datetime import datetime

from django.dispatch import receiver

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program.models import Program, State
from loyalty_oscar.program.operations import note_run
from loyalty_oscar.program.signals import program_state_changed

from .operations.program_wide import put_off_all, release_all, write_off_all
from .operations.skipping import AccountsSkipped, Skips

#: The change of a program's state, among the jobs of which the doctor tells.
NAME = "program-state"


@receiver(program_state_changed, sender=Program, dispatch_uid="loyalty_oscar.ledger.follow_program")
def follow_program(sender, program: Program, before: str, after: str, at: datetime, **kwargs) -> None:
    """
    Paused: holds go back. Live again: dates move by the pause. Closed: holds go back, the rest is written off.

    What is being paid for stays set aside, because its price was promised; the job `holds` gives it back when that is
    over. An account whose books are broken keeps no program from changing.
    """
    skips, about = Skips(), {"program_id": program.pk, "at": at}
    if after in (State.PAUSED, State.CLOSED):
        why = Because("program_paused" if after == State.PAUSED else "program_closed")
        release_all(**about, because=why, skips=skips)
    if after == State.CLOSED:
        write_off_all(**about, skips=skips)
    elif before == State.PAUSED and after in (State.LIVE, State.CLOSING):
        _put_off(program, at, skips)
    if skips.accounts:
        error = str(AccountsSkipped(skips.accounts))
        note_run(name=NAME, started_at=at, finished_at=at, done=0, error=error, skipped=skips.accounts)


def _put_off(program: Program, at: datetime, skips: Skips) -> None:
    paused = program.phases.filter(state=State.PAUSED).last()
    if paused is not None:
        because = Because("program_was_paused", days=(at - paused.starts_at).days)
        put_off_all(program_id=program.pk, since=paused.starts_at, because=because, at=at, skips=skips)
