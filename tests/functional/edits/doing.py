"""How edits are carried out, and what follows of itself: what waits for a commit, and the jobs of a night."""

from datetime import timedelta

from django.test import TestCase

from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.sync import sweep
from loyalty_oscar.testing import clock
from tests.storefront import ripen

from . import story
from .ways import WAYS


def done(way, batch, at, *, is_seen=True):
    """Do a batch at a moment; what waits for the commit happens then, if it `is_seen`."""
    with clock.at(at), TestCase.captureOnCommitCallbacks(execute=is_seen):
        WAYS[way](batch)


def night(at):
    """The jobs of a night."""
    forget_cache()
    with clock.at(at):
        list(sweep(at=at, everything=True))
        story.look_at_reviews(at=at)


def carried_out(way, batches, *, at, is_seen):
    """Do batches day by day; nobody looks before the last night where nothing `is_seen`."""
    if at == story.LATER:
        ripen(on=at)
    for batch in batches:
        at += timedelta(days=1)
        done(way, batch, at, is_seen=is_seen)
        if is_seen:
            night(at + timedelta(hours=12))
    night(at + timedelta(hours=12))
