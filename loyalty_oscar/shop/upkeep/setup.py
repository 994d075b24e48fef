"""The ready program: made once, as a draft that nobody sees. What features add comes through `setup_steps`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.rounding import part_and_whole
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import RAISE, Hook
from loyalty_oscar.program.models import PointWorth, Program, State, Unit
from loyalty_oscar.program.money import exponent, in_words, is_currency
from loyalty_oscar.program.operations import change_state

ACTOR = "system"
WENT_LIVE = "It is live: orders placed from now on earn."
NAMES = {
    "en": {"one": "point", "other": "points", "title": "Points"},
    "de": {"one": "Punkt", "other": "Punkte", "title": "Punkte"},
    "pl": {"one": "punkt", "few": "punkty", "many": "punktów", "other": "punktu", "title": "Punkty"},
    "ru": {"one": "балл", "few": "балла", "many": "баллов", "other": "балла", "title": "Баллы"},
}


#: What credit is called where a sentence begins, in a program whose unit is money: an amount has no word after it.
CREDIT = {"en": {"title": "Credit"}, "de": {"title": "Guthaben"}, "pl": {"title": "Środki"}, "ru": {"title": "Кешбэк"}}
#: More of each purchase than that nobody gives back, in percent.
MOST_BACK = 95


class WrongValue(LoyaltyError):
    """A name, code or currency of a program that can be none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyLevel:
    """
    A level: its name, and those in other languages; from how many coins in a calendar year; the points that it gets in
    percent of what everybody gets; and what is off all prices for it (percent, 0 = nothing).
    """

    name: str
    names: Mapping[str, str]
    coins: int
    color: str
    percent: int = 100
    off: int = 0


BRONZE = ReadyLevel(name="Bronze", names={"pl": "Brązowy", "ru": "Бронза"}, coins=0, color="#94470A")
SILVER = ReadyLevel(name="Silver", names={"de": "Silber", "pl": "Srebrny", "ru": "Серебро"}, coins=250, color="#55636A")
GOLD = ReadyLevel(name="Gold", names={"pl": "Złoty", "ru": "Золото"}, coins=1000, color="#8A6100")
#: Levels with more: 2 % for Bronze are 3 % for Silver, 5 % for Gold.
RICHER = (BRONZE, replace(SILVER, percent=150), replace(GOLD, percent=250))


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """
    What a shop keeper chose for a new program: the words for its points by language and plural form, what has to be
    paid for so many points (one) and what a hundred are worth (minor units), the return period, and where days begin.

    `is_money` makes each point a minor unit of the program's currency: cashback. With `is_per_piece` each piece brings
    one in place of what is paid. With `card` (points; 0 = none) they are used for one reward alone, a basket that costs
    so much less as they are worth. `friends_minor` (minor units; 0 = nothing) is what somebody who invites gets, and
    the friend. `has_campaigns` adds the ready campaigns, switched off but for those whose codes are in `campaigns`.
    """

    names: dict[str, dict[str, str]]
    step_minor: int
    worth_minor: int
    hold_days: int
    time_zone: str
    points: int = 1
    expiry_months: int = 12
    is_money: bool = False
    is_per_piece: bool = False
    levels: tuple[ReadyLevel, ...] = ()
    card: int = 0
    friends_minor: int = 0
    has_campaigns: bool = False
    campaigns: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """The code of the program and its unit, where nobody chose one."""
        return "cashback" if self.is_money else "points"


@dataclass(kw_only=True, slots=True)
class SetupResult:
    """The program that stands now, what was chosen for it, and in plain words what was made and what was there."""

    program: Program
    unit: Unit
    choices: Choices
    made: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)

    def points_for(self, *, minor: int) -> int:
        """Return the points that are worth so much, rounded up (minor units)."""
        return minor if self.unit.is_money else -(-100 * minor // self.choices.worth_minor)


class SetupStep(Protocol):
    """Makes what a feature needs and lacks, in the transaction of `loyalty_setup`."""

    def __call__(self, *, ready: SetupResult, at: datetime) -> None:
        """Make it, and say so in `ready`; leave what is there as it is."""
        ...


setup_steps: Hook[SetupStep] = Hook("setup_steps", SetupStep, on_error=RAISE)


def shop_currency() -> str:
    """Return the code of the currency in which the shop sells, as its settings say it."""
    return str(getattr(settings, "OSCAR_DEFAULT_CURRENCY", "EUR"))


def coin(*, currency: str) -> int:
    """Return an amount that buys something in minor units: 1.00 where there are cents, 100 where there are none."""
    return 10 ** exponent(currency=currency) if exponent(currency=currency) else 100


def usual(*, currency: str) -> Choices:
    """Return what a program has where nobody chose: 1.0 % back, 14 days, the zone of the shop."""
    step = coin(currency=currency)
    zone = settings.TIME_ZONE or "UTC"
    return Choices(names=NAMES, step_minor=step, worth_minor=step, hold_days=14, time_zone=zone)


def cashback(*, percent: Fraction) -> Choices:
    """
    Return what a program has that gives a part of what is paid back (percent, two decimals at most), as money: each
    point is the smallest coin.
    """
    zone = settings.TIME_ZONE or "UTC"
    points, step_minor = part_and_whole(percent=percent)
    return Choices(
        names=CREDIT,
        points=points,
        step_minor=step_minor,
        worth_minor=100,
        hold_days=14,
        time_zone=zone,
        is_money=True,
    )


def make_ready(
    *, code: str | None, name: str, currency: str, live: bool, at: datetime, choices: Choices | None = None
) -> SetupResult:
    """
    Make what is missing of the ready program, in one transaction; what is there is left as it is.

    Without a code it is the program that is there, whatever its code; the default one where there are more.
    Of Oscar's tables only the rows of our one offer are written. Raises `WrongValue` for a name, code or
    currency that is none, before anything is written.
    """
    if not is_currency(code=currency):
        raise WrongValue(
            f"{currency!r} is no currency that people pay with; write a code of three capital letters such as EUR"
        )
    with transaction.atomic(using=write_db()):
        ready = _program(code=code, name=name, currency=currency, choices=choices)
        setup_steps.tell(ready=ready, at=at)
        if live and ready.program.state == State.DRAFT:
            go_live(program=ready.program, at=at)
            ready.made.append(WENT_LIVE)
        ready.program.refresh_from_db(using=write_db())
    return ready


def go_live(*, program: Program, at: datetime) -> None:
    """Switch a draft on; orders placed from then on earn."""
    change_state(program=program, to=State.LIVE, actor=ACTOR, at=at, reason="loyalty_setup --live")


def _program(*, code: str | None, name: str, currency: str, choices: Choices | None) -> SetupResult:
    programs = Program.objects.using(write_db()).order_by("-is_default", "pk")
    program = (programs.filter(code=code) if code else programs).first()
    chosen = choices or usual(currency=program.currency if program else currency)
    if program:
        unit = program.unit_or_none
        ready = SetupResult(program=program, unit=unit or _unit(program, chosen), choices=chosen)
        ready.there.append(as_it_stands(program=program))
    else:
        program = Program(
            code=code or chosen.code,
            name=name,
            currency=currency,
            time_zone=chosen.time_zone,
            hold_days=chosen.hold_days,
            expiry_months=chosen.expiry_months,
            is_default=not programs.filter(is_default=True).exists(),
        )
        _save(program)
        ready = SetupResult(program=program, unit=_unit(program, chosen), choices=chosen)
        serves = "serves every site without one of its own" if program.is_default else "serves no site yet"
        ready.made.append(f"Program “{program.name}” ({program.code}), a draft in {currency}; it {serves}")
        unit = None
    counts = "What it counts is money" if ready.unit.is_money else "Its points"
    languages = ", ".join(sorted(ready.unit.names)) or "no names"
    (ready.there if unit else ready.made).append(f"{counts}: {languages}")
    _worth(ready)
    return ready


def as_it_stands(*, program: Program) -> str:
    """Return a program that was there already, in plain words."""
    return f"Program “{program.name}” ({program.code}), {program.state}, {program.currency}"


def _save(row: Program | Unit | PointWorth) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        field_name, messages = next(iter(error.message_dict.items()))
        raise WrongValue(f"{field_name}: {messages[-1]}") from error
    row.save()


def _unit(program: Program, choices: Choices) -> Unit:
    unit = Unit(program=program, code=choices.code, names=choices.names, is_money=choices.is_money)
    _save(unit)
    return unit


def _worth(ready: SetupResult) -> None:
    program = ready.program
    worth = program.worths.using(write_db()).order_by("pk").first()
    known = ready.there if worth else ready.made
    if worth is None:
        worth = PointWorth(program=program, currency=program.currency, points=100, minor=ready.choices.worth_minor)
        _save(worth)
    if not ready.unit.is_money:  # An amount is worth itself.
        known.append(f"{worth.points} points are worth {in_words(minor=worth.minor, currency=worth.currency)}")
