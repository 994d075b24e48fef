"""
What members answer: kept once for each question and what it was asked about, and a later answer counts.

An answer that says that something is wrong opens a case, and stops the letters that were still to come about the order.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import partial

from django.db import transaction
from django.db.models import F, Q

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.ledger.operations.desk import lock, open_account, outermost_retried
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Program, Unit
from loyalty_oscar.program.segment_rules import look_at_member

from .cases import LONGEST_TEXT, open_case
from .models import Answer, AnswerCount, Case, Occurrence
from .questions import questions
from .signals import answer_saved


@outermost_retried
def save_answer(
    *, member: Member, question: str, source: str, order_id: int | None, choice: str, text: str = "", at: datetime
) -> Answer:
    """
    Keep what a member answered; of `text` the first 2,000 characters, where the question asks for any.

    Raises `UnknownCode` for a question that nobody registered, and `LoyaltyError` for a choice that it does not have.
    """
    asked = questions.get(question)
    if choice not in asked.choices:
        raise LoyaltyError(f"{question!r} is answered by one of {', '.join(asked.choices)}, not {choice!r}")
    text = text.strip()[:LONGEST_TEXT] if asked.asks_text else ""
    db = write_db()
    with transaction.atomic(using=db):
        if unit := Unit.objects.using(db).filter(program=member.program_id).first():
            lock(account_id=open_account(member=member, unit=unit).pk)
        about = {"member": member, "question": question, "source": source}
        before = Answer.objects.using(db).filter(**about).first()
        said = {"choice": choice, "text": text, "order_id": order_id, "at": at}
        said["occurrence"] = _asking(member, question, source)
        answer, _is_new = Answer.objects.using(db).update_or_create(**about, defaults=said)
        if kind := asked.choices[choice].opens:
            is_news = before is None or (before.choice, before.text) != (choice, text)
            _open(answer, kind, is_news, at)
            stop_letters(member_id=member.pk, order_id=order_id, at=at)
        answer_saved.send(sender=Answer, member=member, answer=answer, at=at)
        look = partial(look_at_member, member_id=member.pk, at=at)
        transaction.on_commit(look, using=db, robust=True)
    return answer


def _asking(member: Member, question: str, source: str) -> Occurrence | None:
    """Return what asked, where it is known."""
    rows = Occurrence.objects.using(write_db()).filter(member=member, source=source).select_related("campaign")
    return next((row for row in rows.order_by("pk") if row.campaign.params.get("question") == question), None)


def _open(answer: Answer, kind: str, is_news: bool, at: datetime) -> None:
    """Open a case for an answer; another one where the last is decided and the member says something new."""
    cases = Case.objects.using(write_db()).filter(member=answer.member_id)
    mine = cases.filter(Q(source=f"answer:{answer.pk}") | Q(source__startswith=f"answer:{answer.pk}:"))
    last, times = mine.order_by("pk").last(), mine.count()
    if last is None or (is_news and last.state != Case.State.OPEN):
        source = f"answer:{answer.pk}:{times}" if times else f"answer:{answer.pk}"
    else:
        source = last.source
    told = {"kind": kind, "source": source, "order_id": answer.order_id, "text": answer.text}
    open_case(member=answer.member, **told, at=at)


def stop_letters(*, member_id: int, order_id: int | None, at: datetime) -> int:
    """
    Skip what is still planned for a member about an order; returns how many. A gift that was promised is kept.
    """
    if order_id is None:
        return 0
    rows = Occurrence.objects.using(write_db()).filter(order_id=order_id, member_id=member_id, is_open=True)
    rows = rows.filter(state=Occurrence.State.PLANNED)
    gifts = Q(campaign__is_public=True) & (Q(campaign__points__gt=0) | Q(campaign__reward__isnull=False))
    stopped = list(rows.exclude(gifts).values_list("pk", flat=True))
    skipped = {"state": Occurrence.State.SKIPPED, "is_open": False, "at": at}
    return rows.filter(pk__in=stopped).update(**skipped, because=Because("problem_open").to_json())


def count_answer(*, program: Program, question: str, choice: str, day: date) -> None:
    """
    Count an answer of somebody who is gone, in the month of a day: nothing says whose it was.

    Raises `UnknownCode` or `LoyaltyError` for what is no answer.
    """
    if choice not in questions.get(question).choices:
        raise LoyaltyError(f"{choice!r} is no answer to {question!r}")
    rows, month = AnswerCount.objects.using(write_db()), day.replace(day=1)
    row, _is_new = rows.get_or_create(program=program, question=question, choice=choice, month=month)
    rows.filter(pk=row.pk).update(number=F("number") + 1)
