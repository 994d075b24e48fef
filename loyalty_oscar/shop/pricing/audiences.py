"""
Who pays less than everybody: members from a level on, or those in a segment. Features say which there are, and when.

Past prices are kept for each such audience, and a reduction is told from what its reader could have had.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.contrib.auth import get_user_model

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.hooks import RAISE, Hook
from loyalty_oscar.program.models import Member, Unit
from loyalty_oscar.program.queries import begun_units

from ..storefront.visit import Visit


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """
    Members of a program from a rank on (0 = all members), and where it names one of a segment; `code` names it in past
    prices.
    """

    program_id: int
    rank: int = 0
    segment_id: int | None = None

    @property
    def code(self) -> str:
        """ "1:rank:3", "1:segment:7", or of both "1:rank:3:segment:7"."""
        segment = "" if self.segment_id is None else f":segment:{self.segment_id}"
        return f"{self.program_id}{f':rank:{self.rank}' if self.rank or not segment else ''}{segment}"


#: A moment when what somebody pays changes by the calendar, and for which products (None = any).
Moment = tuple[datetime, frozenset[int] | None]


class Pricing(Protocol):
    """How a feature lowers prices, or opens products, for some before others."""

    def paying(self, *, at: datetime) -> Iterable[Audience]:
        """Return who pays, or may buy, otherwise than everybody at a moment."""
        ...

    def of(self, *, visit: Visit) -> Iterable[Audience]:
        """Return the audiences that a visitor belongs to, without asking what the visit knows already."""
        ...

    def pretend(self, *, visit: Visit, audience: Audience) -> None:
        """Let a visit that nobody makes answer as one of somebody of this audience."""
        ...

    def moments(self, *, since: datetime, until: datetime) -> Iterable[Moment]:
        """Return when prices begin or end after `since`, up to `until`."""
        ...


pricings: Hook[Pricing] = Hook("pricings", Pricing, on_error=RAISE)


class AsIf(Visit):
    """The visit of somebody of an audience, though nobody makes it: to learn what such a one pays."""

    def __init__(self, *, unit: Unit, audience: Audience) -> None:
        super().__init__(None, get_user_model()())
        self.unit, self.member = unit, Member(program=unit.program)
        self.account = Account(unit=unit, member=self.member)
        pricings.tell("pretend", visit=self, audience=audience)


def visits_of(*, at: datetime) -> dict[str, Visit]:
    """Return a visit as if somebody of it came for each audience that pays otherwise at a moment, by its code."""
    paying = {audience.code: audience for found in pricings.answers("paying", at=at) for audience in found}
    units = {unit.program_id: unit for unit in begun_units()} if paying else {}
    found = sorted(paying.values(), key=lambda audience: audience.code)
    return {one.code: AsIf(unit=units[one.program_id], audience=one) for one in found if one.program_id in units}


def codes_of(*, visit: Visit) -> frozenset[str]:
    """Return the audiences whose prices a visitor could have had: "" is everybody."""
    own = {one.code for found in pricings.answers("of", visit=visit) for one in found} if visit.member else ()
    return frozenset({"", *own})


def moments(*, since: datetime, until: datetime) -> list[Moment]:
    """Return when prices changed by the calendar after `since`, up to `until`, in order."""
    found = [moment for found in pricings.answers("moments", since=since, until=until) for moment in found]
    return sorted(found, key=lambda moment: moment[0])
