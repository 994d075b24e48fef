"""Programs with all that they need to be live, and segments of their members."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import factory
from django.apps import apps
from django.conf import settings

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Phase, PointWorth, Program, ProgramSite, Segment, State, Unit
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.segments import set_members

from .base import OperationFactory, RowFactory, TheProgram, an_hour_ago, now


def _is_first() -> bool:
    return not Program.objects.using(write_db()).filter(is_default=True).exists()


class UnitFactory(RowFactory):
    """The unit of a program: paws. A program has one already (`unit__names`, `unit__is_money`)."""

    class Meta:
        model = Unit

    program = factory.SubFactory("loyalty_oscar.testing.factories.ProgramFactory", unit=None, rule=None)
    code = "points"
    names = factory.LazyFunction(lambda: {"en": {"one": "paw", "other": "paws"}})


class PointWorthFactory(RowFactory):
    """What points are worth: 100 of them 1.00, in the program's currency or another. A program has one (`worth__…`)."""

    class Meta:
        model = PointWorth

    program = factory.SubFactory("loyalty_oscar.testing.factories.ProgramFactory", worth=None)
    currency = factory.SelfAttribute("program.currency")
    points = 100
    minor = 100


class PhaseFactory(OperationFactory):
    """A step of a program to another state, an hour ago: `PhaseFactory(program=program, to="paused")`."""

    class Meta:
        model = Phase

    program = TheProgram("loyalty_oscar.testing.factories.ProgramFactory", live=None)
    to = factory.LazyAttribute(lambda phase: State.PAUSED if phase.program.state == State.LIVE else State.LIVE)
    actor = "system"
    at = factory.LazyFunction(an_hour_ago)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Phase:
        phase = change_state(**kwargs)
        kwargs["program"].refresh_from_db()
        return phase


class ProgramFactory(RowFactory):
    """
    A program that is live since an hour ago: with its unit, the worth of points and, where earning is installed, a rule
    of 1 point for each 1.00. The first is the default program.

    `live__at` says since when (`live=None`: a draft), `rule__points`, `unit__names`, `worth__minor` what its parts hold
    (`rule=None`: without); `sites=[site]` are the sites that it serves. `paused` and `closing` are other states.
    """

    class Meta:
        model = Program
        exclude = ("rule",)  # It is a part where earning is installed, and elsewhere nothing.

    class Params:
        paused = factory.Trait(pause=factory.RelatedFactory(PhaseFactory, "program", to=State.PAUSED))
        closing = factory.Trait(close=factory.RelatedFactory(PhaseFactory, "program", to=State.CLOSING))

    code = factory.Sequence(lambda n: f"program-{n}")
    name = "Paw Club"
    currency = factory.LazyFunction(lambda: settings.OSCAR_DEFAULT_CURRENCY)
    is_default = factory.LazyFunction(_is_first)

    unit = factory.RelatedFactory(UnitFactory, "program")
    worth = factory.RelatedFactory(PointWorthFactory, "program")
    live = factory.RelatedFactory(PhaseFactory, "program")
    rule = (
        factory.RelatedFactory("loyalty_oscar.testing.factories.RuleFactory", "program", code="base")
        if apps.is_installed("loyalty_oscar.earning")
        else None
    )

    @factory.post_generation
    def sites(program: Program, create: bool, extracted: Iterable[Any] | None, **kwargs: Any) -> None:
        for site in extracted or ():
            ProgramSite.objects.using(write_db()).create(program=program, site=site)

    @classmethod
    def _after_postgeneration(cls, instance: Any, create: bool, results: Any = None) -> None:
        if create:
            instance.refresh_from_db()
        super()._after_postgeneration(instance, create, results)


class SegmentFactory(RowFactory):
    """A segment of members who are named: `SegmentFactory(members=[member])`, since now or `members__at`."""

    class Meta:
        model = Segment

    program = TheProgram(ProgramFactory)
    code = factory.Sequence(lambda n: f"segment-{n}")
    name = "Friends"

    @factory.post_generation
    def members(segment: Segment, create: bool, extracted: Iterable[Member] | None, **kwargs: Any) -> None:
        if create:
            ids = [member.pk for member in extracted or ()]
            set_members(segment=segment, member_ids=ids, at=kwargs.get("at") or now())
