"""The story of the order that is edited, told once for each module; every test undoes what it does."""

import pytest
from django.db import transaction
from django.test import TestCase

from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.testing import clock
from tests.functional.edits import story


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker):
    """The story, told once."""
    with django_db_blocker.unblock(), transaction.atomic():
        with clock.at(story.DELIVERED), TestCase.captureOnCommitCallbacks(execute=True):
            story.tell()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def shop(told, db):
    """The shop as the story left it."""
    forget_cache()
