"""Campaigns that bring points besides buying, and goals that orders reach."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import factory

from loyalty_oscar.journeys.models import Campaign, Goal
from loyalty_oscar.journeys.occasions import BIRTHDAY, REVIEW, SIGN_UP, WORD, fold

from .base import RowFactory, TheProgram
from .program import ProgramFactory


class CampaignFactory(RowFactory):
    """
    A campaign in force, for everybody and at once: 50 points for a confirmed address.

    `review` and `birthday` are about something else, `occasion="…"` about one of your own; one with a `word` is for who
    types it.
    """

    class Meta:
        model = Campaign

    class Params:
        review = factory.Trait(occasion=REVIEW)
        birthday = factory.Trait(occasion=BIRTHDAY)

    program = TheProgram(ProgramFactory)
    word = None
    occasion = factory.LazyAttribute(lambda campaign: WORD if campaign.word else SIGN_UP)
    code = factory.LazyAttributeSequence(lambda campaign, n: f"{campaign.occasion}-{n}")
    name = factory.LazyAttribute(lambda campaign: campaign.occasion.title())
    points = 50
    params = factory.LazyFunction(lambda: {"told_days": 0})
    least_orders = 0

    @classmethod
    def _adjust_kwargs(cls, **kwargs: Any) -> dict[str, Any]:
        # Kept as the admin's form keeps it.
        return {**kwargs, "word": fold(word=kwargs["word"]) if kwargs["word"] else None}


class GoalFactory(RowFactory):
    """
    A goal in force since 2025, for everybody: a stamp card, 100 points for each ten pieces.

    `sets=["coffee"]` are the codes of the product sets that count; with a `reward` it gives that in place of points.
    """

    class Meta:
        model = Goal

    class Params:
        sets = ()

    program = TheProgram(ProgramFactory)
    code = factory.Sequence(lambda n: f"goal-{n}")
    name = factory.LazyAttribute(lambda goal: goal.code.replace("-", " ").capitalize())
    metric = "pieces"
    params = factory.LazyAttribute(lambda goal: {"sets": list(goal.sets)} if goal.sets else {})
    target = 10
    repeats = True
    reward = None
    points = factory.LazyAttribute(lambda goal: 0 if goal.reward else 100)
    starts_at = datetime(2025, 1, 1, tzinfo=UTC)
