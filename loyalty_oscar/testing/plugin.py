"""The pytest plugin: whichever kind of test case a store writes, Django can flush after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import TransactionTestCase

from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import forget_cache

from . import purge


@pytest.fixture(autouse=True, scope="session")
def _loyalty_flush() -> Iterator[None]:
    """
    Empty the ledger before Django flushes, and forget what the process remembered.

    Every flush after a test goes through this one method: of `TransactionTestCase`, of the live servers derived from
    it, and of pytest-django's transactional fixtures.
    """
    flush = TransactionTestCase._fixture_teardown

    def emptied_first(case: TransactionTestCase) -> None:
        if write_db() in case._databases_names(include_mirrors=False) and Entry.objects.using(write_db()).exists():
            purge(using=write_db())
        flush(case)
        forget_cache()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", emptied_first)
        yield


@pytest.fixture(autouse=True)
def _loyalty_forget() -> Iterator[None]:
    """Forget what the process remembered before and after each test."""
    forget_cache()
    yield
    forget_cache()
