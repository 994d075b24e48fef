"""Receipts of before a member was noted on them: they are filled in slice by slice, beside a shop that goes on."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations import RunPython
from django.test.utils import CaptureQueriesContext

from loyalty_oscar.people.models import Receipt
from tests.storefront import TODAY, a_club

from .bought import a_receipt, who_bought

pytestmark = pytest.mark.django_db
COLUMN, FILLING = (
    import_module(f"loyalty_oscar.people.migrations.{name}") for name in ("0003_is_member", "0004_who_was_member")
)


def fill():
    """Fill in; returns how many statements wrote."""
    with CaptureQueriesContext(connection) as captured:
        FILLING.fill(apps, SimpleNamespace(connection=connection))
    return sum(query["sql"].startswith("UPDATE") for query in captured)


def test_the_column_is_there_before_and_no_transaction_spans_the_rows():
    assert not any(isinstance(step, RunPython) for step in COLUMN.Migration.operations)
    assert FILLING.Migration.atomic is False


@pytest.mark.parametrize(("receipts", "slices"), [(0, 0), (1, 1), (2, 1), (3, 2), (5, 3)])
def test_each_slice_is_a_statement_of_its_own(monkeypatch, receipts, slices):
    monkeypatch.setattr(FILLING, "SLICE", 2)
    member = who_bought(a_club().program, joined_at=TODAY)
    for number in range(receipts):
        a_receipt(member, TODAY, id=number + 1, is_member=False)
    assert fill() == slices
    assert Receipt.objects.filter(is_member=True).count() == receipts


def test_nobody_who_is_forgotten_is_made_a_member_and_again_it_changes_nothing():
    member = who_bought(a_club().program, TODAY, TODAY, is_member=False)
    Receipt.objects.filter(pk=Receipt.objects.first().pk).update(member=None)
    for _time in range(2):
        fill()
        assert sorted(Receipt.objects.values_list("member", "is_member"), key=str) == [(member.pk, True), (None, False)]
