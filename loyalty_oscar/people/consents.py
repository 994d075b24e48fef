"""
What members allow: asked in words that are kept, confirmed, withdrawn. A refusal beats everything else.

Who was asked and did not answer has allowed and refused nothing, so what counted before goes on to count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Value

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.mailboxes import mark_of
from loyalty_oscar.program.models import Member, Segment
from loyalty_oscar.program.registries import facts, known_rows
from loyalty_oscar.program.rows import write_rows

from .contacts import note_language
from .models import Consent, Receipt

SALT = "loyalty_oscar.people.consents"
#: The fact of floor 2 that says in which country members live (ISO 3166, two letters).
COUNTRY = "country"


@known_rows.register(Consent.Purpose.PERSONAL.value)
def segments_of_program() -> QuerySet[Segment]:
    """Return the segments by rule of one program, for the query that reads programs: with any, content is personal."""
    return Segment.objects.filter(program=OuterRef("program"), kind=Segment.Kind.RULE)


def allowed(*, purpose: str, member_ids: Collection[int], at: datetime) -> frozenset[int]:
    """
    Return those of these members who allow a purpose (`Consent.Purpose`).

    Letters that were confirmed through a mailbox go to no other. They also go to customers, with an order that was not
    given back, who live in a country that the program writes to without asking (`existing_customers`), unless they
    refused. At most three queries, however many members, and what the fact `country` asks.
    """
    rows = Consent.objects.using(write_db()).filter(purpose=purpose, member_id__in=list(member_ids), is_current=True)
    email = F("member__user__email") if purpose == Consent.Purpose.LETTERS else Value("")  # Content needs no mailbox.
    said = list(rows.values_list("member_id", "withdrawn_at", "mark", email))
    consenting = {pk for pk, withdrawn_at, mark, email in said if withdrawn_at is None and _is_of(mark, email)}
    if purpose == Consent.Purpose.LETTERS:
        consenting |= _existing_customers(set(member_ids).difference(pk for pk, *_more in said), at)
    return frozenset(consenting)


def is_of_mailbox(*, consent: Consent, member: Member) -> bool:
    """Return whether what was allowed counts for the address that a member has now, or for one of before."""
    return not consent.mark or _is_of(consent.mark, getattr(member.user, "email", ""))


def ask(*, member: Member, purpose: str, words: str, language: str, at: datetime) -> Consent:
    """
    Write down that a member wants to allow a purpose, in which words and language; it counts once it is confirmed.

    Returns what to confirm: the row of before, where it was asked in the same words, or what is allowed already for the
    address that the member has now.
    """
    rows = Consent.objects.using(write_db()).filter(member=member, purpose=purpose, withdrawn_at=None)
    current = rows.filter(is_current=True).first()
    if current and is_of_mailbox(consent=current, member=member):
        return current
    row = rows.filter(confirmed_at=None, words=words, language=language).order_by("pk").first()
    if row is None:
        row = Consent(member=member, purpose=purpose, words=words, language=language, is_current=None)
    row.asked_at = at
    row.save(using=write_db())
    return row


def confirm(*, consent_id: int, email: str = "", at: datetime) -> bool:
    """
    Let what was asked count from now on; returns whether it does. Told again it changes nothing.

    `email` is the address that answered, where one was written to. False where it was withdrawn, forgotten or followed
    by another since.
    """
    with transaction.atomic(using=write_db()):
        found = Consent.objects.using(write_db()).filter(pk=consent_id).first()
        rows = _locked(found.member_id, found.purpose) if found else []
        row = next((row for row in rows if row.pk == consent_id), None)
        if row is None or row.withdrawn_at:
            return False
        if row.confirmed_at is None:
            _replace(rows, row)
            row.confirmed_at, row.is_current = at, True
            row.mark = mark_of(email=email, salt=SALT) if email else ""
            row.save(using=write_db(), update_fields=["confirmed_at", "is_current", "mark"])
            note_language(member_id=row.member_id, language=row.language)
        return bool(row.is_current)


def withdraw(*, member_id: int, purpose: str, at: datetime) -> None:
    """
    Let a member refuse a purpose, whether it was allowed, asked or neither. Told again it changes nothing.

    What was asked and not confirmed cannot be confirmed any more.
    """
    with transaction.atomic(using=write_db()):
        rows = _locked(member_id, purpose)
        row = next((row for row in rows if row.is_current), None) or next(filter(_is_open, reversed(rows)), None)
        if row is None:
            row = Consent(member_id=member_id, purpose=purpose, asked_at=at, withdrawn_at=at)
            write_rows(rows=[row], skip=True)
            return
        _replace(rows, row)
        if row.withdrawn_at is None:
            row.withdrawn_at, row.is_current = at, True
            row.save(using=write_db(), update_fields=["withdrawn_at", "is_current"])


def consents_of(*, member_id: int) -> dict[str, Consent]:
    """
    Return by purpose what a member said last: allowed, refused, or asked and not confirmed yet. One query.

    Purposes that were never spoken of are not in it.
    """
    rows = Consent.objects.using(write_db()).filter(member_id=member_id).order_by("asked_at", "pk")
    return {row.purpose: row for row in rows if row.is_current or _is_open(row)}


def forget_consents(*, member: Member) -> None:
    """Forget what a member allowed and refused."""
    Consent.objects.using(write_db()).filter(member=member).delete()


def _is_of(mark: str, email: str | None) -> bool:
    return not mark or mark == mark_of(email=email or "", salt=SALT)


def _existing_customers(member_ids: Collection[int], at: datetime) -> set[int]:
    """Return those who bought and live where their program writes to customers without asking."""
    rows = Member.objects.using(write_db()).filter(pk__in=member_ids).exclude(program__existing_customers=[])
    switched = dict(rows.values_list("pk", "program__existing_customers"))
    if not switched or COUNTRY not in facts:
        return set()
    live_in = facts.get(COUNTRY)(members=sorted(switched), at=at)
    there = [pk for pk, countries in switched.items() if live_in.get(pk) in countries]
    kept = Receipt.objects.using(write_db()).filter(member_id__in=there, is_gone=False)
    return set(kept.values_list("member_id", flat=True))


def _locked(member_id: int, purpose: str) -> list[Consent]:
    rows = Consent.objects.using(write_db()).select_for_update().order_by("pk")
    return list(rows.filter(member_id=member_id, purpose=purpose))


def _is_open(row: Consent) -> bool:
    """Return whether it was asked, and not answered."""
    return row.confirmed_at is None and row.withdrawn_at is None


def _replace(rows: Iterable[Consent], row: Consent) -> None:
    """Let no other than this row count, or be confirmed."""
    others = [other for other in rows if other.pk != row.pk]
    table = Consent.objects.using(write_db())
    table.filter(pk__in=[other.pk for other in others if _is_open(other)]).delete()
    table.filter(pk__in=[other.pk for other in others if other.is_current]).update(is_current=None)
