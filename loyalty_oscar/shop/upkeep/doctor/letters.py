"""What the doctor knows of letters: whether anybody allows them, and whether mail programs can stop them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings

from loyalty_oscar.people.models import Consent
from loyalty_oscar.program.models import Program, State
from loyalty_oscar.program.queries import begun_units

from .findings import Finding, Level, doctor_checks


@doctor_checks.register("letters", order=46)
def letters(*, at: datetime) -> Iterator[Finding]:
    """Somebody may be written to, and stop it by one press; nothing where no campaign has a letter."""
    programs = [unit.program for unit in begun_units() if "letters" in unit.program.known_rows]
    running = [program for program in programs if program.state != State.CLOSED]
    for program in running:
        yield _readers(program)
    if running and settings.OSCAR_URL_SCHEMA != "https":
        text = "links of letters begin with http, and no mail program shows a button to stop them"
        hint = 'Set OSCAR_URL_SCHEMA = "https", where the shop is served that way.'
        yield Finding(level=Level.NOTE, about="letters", text=text, hint=hint)


def _readers(program: Program) -> Finding:
    yes = Consent.objects.filter(member__program=program, purpose=Consent.Purpose.LETTERS, is_current=True)
    count = yes.filter(withdrawn_at=None).count()
    text = f"“{program.name}”: {count:,} members said yes to letters"
    countries = program.existing_customers
    if countries:
        return Finding(
            level=Level.OK, about="letters", text=f"{text}; customers in {', '.join(countries)} get them too"
        )
    if count:
        return Finding(level=Level.OK, about="letters", text=text)
    hint = "They are asked on the page of their mails: tell them of it."
    return Finding(level=Level.NOTE, about="letters", text=text, hint=hint)
