"""What happens when staff edit an order: every row of docs/reference/edited-orders.md, by every way to the edit."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import TestCase

from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.sync import sweep
from loyalty_oscar.testing import clock
from tests.functional.edits import story
from tests.functional.edits.table import EDITS, rows
from tests.functional.edits.ways import WAYS, orm
from tests.storefront import ripen

pytestmark = pytest.mark.django_db
MATRIX = [(name, way) for name, edit in EDITS.items() for way in edit.ways]


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker):
    """The story, told once; each test undoes what it does."""
    with django_db_blocker.unblock(), transaction.atomic():
        with clock.at(story.DELIVERED), TestCase.captureOnCommitCallbacks(execute=True):
            story.tell()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def shop(told, db):
    forget_cache()


def night(at):
    """The jobs of a night."""
    forget_cache()
    with clock.at(at):
        list(sweep(at=at, everything=True))
        story.look_at_reviews(at=at)


class TestTheTable:
    def test_has_a_row_for_every_edit_and_an_edit_for_every_row(self):
        assert list(rows()) == ["nothing", *EDITS]


class TestAnOrder:
    def test_brings_what_the_docs_say_while_nobody_edits_it(self, shop):
        assert story.now() == rows()["nothing"]

    @pytest.mark.parametrize(("name", "way"), MATRIX, ids=[f"{name} ({way})" for name, way in MATRIX])
    def test_is_what_the_docs_say_once(self, shop, name, way):
        edit, at = EDITS[name], EDITS[name].at
        if at == story.LATER:
            ripen(on=at)
        if way in edit.before_by:
            done(orm, edit.before, at)
        for batch in edit.batches:
            at += timedelta(days=1)
            done(WAYS[way], batch, at)
            if way != "silent":
                seen = story.now()
            night(at + timedelta(hours=12))
        expected = rows()[name]
        assert story.now() == expected
        if way != "silent":
            assert {**seen, "actions": ""} == {**expected, "actions": ""}, "it was not seen at once"
        night(at + timedelta(days=1))
        assert story.now() == expected, "the next night says something else"


def done(way, batch, at):
    """Do a batch at a moment; what waits for the commit happens then."""
    with clock.at(at), TestCase.captureOnCommitCallbacks(execute=True):
        way(batch)
