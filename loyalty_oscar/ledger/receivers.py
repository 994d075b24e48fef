"""What the ledger does when a program pauses, resumes or closes, in the same transaction."""

from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db.models import QuerySet
from django.db.models.signals import pre_save
from django.dispatch import receiver

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import JobRun, Program, State, Unit
from loyalty_oscar.program.operations import note_run
from loyalty_oscar.program.signals import program_state_changed
from loyalty_oscar.program.unit_uses import unit_uses

from .operations.program_wide import put_off_all, release_all, write_off_all
from .operations.skipping import AccountsSkipped, Skips
from .queries import has_entries

#: The change of a program's state, among the runs of jobs of which the doctor tells.
NAME = "program-state"


unit_uses.register("ledger")(has_entries)


@receiver(pre_save, sender=Unit, dispatch_uid="loyalty_oscar.ledger.keep_unit")
@receiver(pre_save, sender=Program, dispatch_uid="loyalty_oscar.ledger.keep_currency")
def keep_meaning(
    sender: type[Program | Unit],
    instance: Program | Unit,
    raw: bool = False,
    update_fields: Collection[str] | None = None,
    **kwargs: Any,
) -> None:
    """
    Refuse what would change the meaning of every entry: points that become money or cease to be, and another currency
    of what is money. Forms say so at the field; this is the second guard.
    """
    name = "currency" if sender is Program else "is_money"
    if raw or instance.pk is None or not (update_fields is None or name in update_fields):
        return
    before: QuerySet[Any] = sender.objects.using(write_db()).filter(pk=instance.pk)
    before = before.filter(unit__is_money=True) if sender is Program else before
    program_id = instance.program_id if isinstance(instance, Unit) else instance.pk
    if before.exclude(**{name: getattr(instance, name)}).exists() and has_entries(program_id=program_id):
        raise NotAllowed(f"there are entries already: {name} of a program's unit stays as it is")


@receiver(program_state_changed, sender=Program, dispatch_uid="loyalty_oscar.ledger.follow_program")
def follow_program(
    sender: type[Program], program: Program, before: str, after: str, at: datetime, **kwargs: Any
) -> None:
    """
    Paused: holds go back. Live again: dates move by the pause. Closed: holds go back, the rest is written off.

    What is being paid for stays set aside, because its price was promised; the job `holds` gives it back when that is
    over. An account whose books are broken keeps no program from changing.
    """
    skips = Skips()
    about: dict[str, Any] = {"program_id": program.pk, "at": at}
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


def catch_up(*, at: datetime) -> Iterator[int]:
    """
    Write off what came back to members of closed programs since, and move the dates of accounts that were skipped when
    a pause ended; yields in how many accounts.

    Raises `AccountsSkipped` at its end where books are still broken.
    """
    skips = Skips()
    row = JobRun.objects.using(write_db()).filter(name=NAME).first()
    skipped = [int(account_id) for account_id in (row and row.skipped) or {}]
    for program in Program.objects.using(write_db()).exclude(state=State.DRAFT).order_by("pk"):
        if program.state == State.CLOSED:
            yield write_off_all(program_id=program.pk, at=at, skips=skips)
        elif skipped and program.state != State.PAUSED:
            yield _put_off(program, at, skips, only=skipped)
    if skipped:
        left = {str(account_id): why for account_id, why in skips.accounts.items()}
        JobRun.objects.using(write_db()).filter(name=NAME).update(skipped=left or None)
    skips.tell()


def _put_off(program: Program, at: datetime, skips: Skips, *, only: list[int] | None = None) -> int:
    """Move dates by the last pause that is over."""
    steps = pairwise(program.phases.using(write_db()))
    pauses = [(paused, ended) for paused, ended in steps if paused.state == State.PAUSED]
    if not pauses:
        return 0
    paused, ended = pauses[-1]
    return put_off_all(
        program_id=program.pk,
        key=f"program:{program.pk}:pause:{paused.pk}",
        since=paused.starts_at,
        until=ended.starts_at,
        because=Because("program_was_paused", days=(ended.starts_at - paused.starts_at).days),
        at=at,
        skips=skips,
        only=only,
    )
