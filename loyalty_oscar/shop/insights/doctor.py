"""What the doctor knows of the figures: whether they were, and are, what the accounts say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from loyalty_oscar.insights.models import Book
from loyalty_oscar.program.words import counted

from ..upkeep.doctor import Finding, Level, doctor_checks

#: A difference that was mended is told of for so long.
REMEMBERED = timedelta(days=30)


@doctor_checks.register("figures", order=36)
def figures(*, at: datetime) -> Iterator[Finding]:
    """The figures add up to the accounts; where they did not, they were counted anew."""
    books = list(Book.objects.select_related("unit__program").order_by("unit__program__code"))
    for book in books:
        name, off = book.unit.program.name, counted(unit=book.unit, points=book.off_points)
        if book.is_off:
            text = f"those of {name} differ from the accounts by {off}, also when counted anew"
            hint = "Run `manage.py loyalty_audit`: some account does not say what its history says."
            yield Finding(level=Level.ERROR, about="figures", text=text, hint=hint)
        elif book.off_at and book.off_at > at - REMEMBERED:
            text = (
                f"those of {name} differed from the accounts by {off} on {book.off_at:%Y-%m-%d} and were counted anew"
            )
            hint = "Files that were exported before may differ. If it comes again, tell us."
            yield Finding(level=Level.WARNING, about="figures", text=text, hint=hint)
    if books and not any(book.is_off for book in books):
        yield Finding(level=Level.OK, about="figures", text="add up to the accounts")
