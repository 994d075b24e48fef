"""
What a store's own tests may use: a program in one line, the clock, and a way to empty the ledger.

`loyalty_oscar.testing.factories` has a factory for everything that a program is made of. As a pytest plugin
(`pytest_plugins = ["loyalty_oscar.testing"]`) it empties the append-only tables before each flush of the database after
a test, whichever kind of test case it is, so that Django finds nothing to refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db import connections, transaction

from loyalty_oscar.ledger import triggers
from loyalty_oscar.ledger.models import Entry, HoldLot, Lot, LotMove, Note
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import PointWorth, Program, Unit
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.queries import forget_cache

if apps.is_installed("loyalty_oscar.earning"):
    from loyalty_oscar.earning.operations import save_rule

__all__ = ["a_program", "allow_purge", "clock", "purge"]

#: Read by pytest where a store names this module as a plugin; nothing else here needs pytest.
pytest_plugins = ["loyalty_oscar.testing.plugin"]


def a_program(
    *,
    code: str = "club",
    name: str = "Paw Club",
    currency: str = "EUR",
    points: int = 1,
    step_minor: int = 100,
    live_from: datetime | None = None,
    names: dict[str, dict[str, str]] | None = None,
    **fields: Any,
) -> Unit:
    """
    Return the unit of a program that is live: `points` for each `step_minor` paid, 100 points worth 1.00.

    Live since `live_from` (default: an hour ago, by the clock); `fields` are further fields of the Program.
    """
    since = live_from or clock.now() - timedelta(hours=1)
    program = Program.objects.create(code=code, name=name, currency=currency, **{"is_default": True, **fields})
    unit = Unit.objects.create(program=program, names=names or {"en": {"one": "paw", "other": "paws"}})
    PointWorth.objects.create(program=program, currency=currency, points=100, minor=100)
    if apps.is_installed("loyalty_oscar.earning"):
        params = {"currency": currency, "points": points, "step_minor": step_minor}
        save_rule(unit=unit, code="base", name="Base", type="per-amount", params=params, actor="system", at=since)
    change_state(program=program, to="live", actor="system", at=since)
    return unit.__class__.objects.select_related("program").get(pk=unit.pk)


@contextmanager
def allow_purge(*, using: str = "default") -> Iterator[None]:
    """Let rows of the append-only tables be deleted within the block; afterwards the guard stands again."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for statement in triggers.removal(vendor=connection.vendor):
            cursor.execute(statement)
    try:
        yield
    finally:
        triggers.lay(using=using)


def purge(*, using: str = "default") -> None:
    """Delete everything that stands in the ledger, and what refers to it."""
    with allow_purge(using=using), transaction.atomic(using=using):
        for model in (HoldLot, LotMove, Note):
            model.objects.using(using).all().delete()
        Lot.objects.using(using).update(came_from=None)
        Lot.objects.using(using).all().delete()
        Entry.objects.using(using).filter(reverses__isnull=False).delete()
        Entry.objects.using(using).all().delete()
    forget_cache()
