"""
Ready programs to choose from, as data. What one is made of is ordinary rows that a shop keeper changes like any other;
once they are there, no code knows of them. `loyalty_setup --preset` and the page that asks six questions make the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from itertools import count
from typing import Any

from django.apps import apps
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program, State

from .setup import (
    BRONZE,
    GOLD,
    NAMES,
    RICHER,
    SILVER,
    Choices,
    ReadyLevel,
    SetupResult,
    as_it_stands,
    cashback,
    coin,
    make_ready,
    usual,
)

#: What of each purchase comes back (percent), by what is left of it for the shop.
BACK = {"little": 1, "some": 2, "much": 4}
#: How long what members have lasts (months), by how often they come.
LASTS = {"often": 12, "sometimes": 24, "seldom": 36}
#: What one piece costs, where nothing says it (coins): what ten of them bring back is a part of that.
PIECE = 25
STARS = {
    "en": {"one": "star", "other": "stars", "title": "Stars"},
    "de": {"one": "Stern", "other": "Sterne", "title": "Sterne"},
    "pl": {"one": "gwiazdka", "few": "gwiazdki", "many": "gwiazdek", "other": "gwiazdki", "title": "Gwiazdki"},
    "ru": {"one": "звезда", "few": "звезды", "many": "звёзд", "other": "звезды", "title": "Звёзды"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What a shop keeper said of the shop: the codes of the answers that were chosen, and the return period in days."""

    often: str = "sometimes"
    margin: str = "some"
    collects: str = "points"
    levels: str = "no"
    friends: str = "no"
    hold_days: int = 14


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """
    A ready program: what it is called and what is said `about` it, whom it `fits` (by the questions of `Answers`, the
    answers that speak for it), the apps that it `needs`, and `besides`, what it costs that no trial counts.

    `back` is the part of what comes back that is collected; the rest comes back in other ways. The `off` of its levels
    is so many times that percentage. What else it says are `Choices`.
    """

    title: Any
    about: Any
    fits: Mapping[str, Collection[str]]
    besides: Any = ""
    needs: Collection[str] = ()
    names: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: NAMES)
    back: Fraction = Fraction(1)
    is_money: bool = False
    levels: tuple[ReadyLevel, ...] = ()
    card: int = 0
    friends: int = 0
    campaigns: tuple[str, ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether all apps that it needs are listed."""
        return all(apps.is_installed(name) for name in self.needs)

    def fit(self, *, answers: Answers) -> int:
        """Return how many of the answers speak for it."""
        return sum(getattr(answers, question) in said for question, said in self.fits.items())

    def choices(self, *, answers: Answers, currency: str) -> Choices:
        """Return what it comes to in a shop of which these answers are true."""
        percent = BACK[answers.margin]
        back = percent * self.back
        worth = back * coin(currency=currency)
        base = cashback(percent=back) if self.is_money else usual(currency=currency)
        if not self.is_money:
            names = {language: dict(words) for language, words in self.names.items()}
            base = replace(base, names=names, worth_minor=int(worth * PIECE if self.card else worth))
        return replace(
            base,
            hold_days=answers.hold_days,
            expiry_months=LASTS[answers.often],
            is_per_piece=bool(self.card),
            levels=tuple(replace(level, off=level.off * percent) for level in self.levels),
            card=self.card,
            friends_minor=self.friends * coin(currency=currency),
            has_campaigns=True,
            campaigns=self.campaigns,
        )


TIERS, REWARDS = "loyalty_oscar.tiers", "loyalty_oscar.redemption"
FRIENDS, CAMPAIGNS = "loyalty_oscar.referrals", "loyalty_oscar.journeys"
presets: Registry[Preset] = Registry("preset", Preset)
for _code, _preset in {
    "points": Preset(
        title=pgettext_lazy("loyalty", "Points"),
        about=pgettext_lazy("loyalty", "A point for what is paid, and points lower the price of the next basket."),
        fits={"collects": ["points"], "levels": ["no"], "friends": ["no"]},
    ),
    "cashback": Preset(
        title=pgettext_lazy("loyalty", "Cashback with levels"),
        about=pgettext_lazy(
            "loyalty", "A part of what is paid comes back as money. Who buys more in a year gets a greater part."
        ),
        fits={"collects": ["money"], "levels": ["yes"], "margin": ["some", "much"]},
        needs=(TIERS,),
        is_money=True,
        levels=RICHER,
    ),
    "club": Preset(
        title=pgettext_lazy("loyalty", "Club levels"),
        about=pgettext_lazy(
            "loyalty", "Who buys more in a year pays less for everything. Points there are as well, worth half as much."
        ),
        fits={"collects": ["points"], "levels": ["yes"], "often": ["sometimes", "seldom"]},
        besides=pgettext_lazy("loyalty", "What members of higher levels pay less is not in it."),
        needs=(TIERS,),
        back=Fraction(1, 2),
        levels=(BRONZE, replace(SILVER, off=1), replace(GOLD, off=2)),
    ),
    "stars": Preset(
        title=pgettext_lazy("loyalty", "Stars on a card"),
        about=pgettext_lazy(
            "loyalty", "A star for each piece. A full card, which is ten of them, lowers a price once."
        ),
        fits={"collects": ["stars"], "often": ["often"], "levels": ["no"]},
        needs=(REWARDS,),
        names=STARS,
        card=10,
    ),
    "friends": Preset(
        title=pgettext_lazy("loyalty", "Friends and birthday"),
        about=pgettext_lazy(
            "loyalty",
            "Members bring friends, and both get something. So does everybody on their birthday. Points are worth half"
            " as much.",
        ),
        fits={"friends": ["yes"], "often": ["seldom"], "levels": ["no"]},
        besides=pgettext_lazy("loyalty", "Gifts to friends and on birthdays are not in it."),
        needs=(FRIENDS, CAMPAIGNS),
        back=Fraction(1, 2),
        friends=5,
        campaigns=("happy-birthday",),
    ),
}.items():
    presets.register(_code)(_preset)


def on_offer(*, answers: Answers) -> dict[str, Preset]:
    """Return the ready programs whose apps are listed by their codes, those first for which most answers speak."""
    there = [(code, preset) for code, preset in presets.items() if preset.is_there]
    return dict(sorted(there, key=lambda one: -one[1].fit(answers=answers)))


def draft_of(*, code: str) -> Program | None:
    """Return the draft that was made of a ready program, the first of several; None where there is none."""
    drafts = Program.objects.using(write_db()).filter(state=State.DRAFT, unit__isnull=False)
    return drafts.filter(code__regex=rf"^{code}(-[0-9]+)?$").order_by("pk").first()


def free_code(*, code: str) -> str:
    """Return the code of a ready program, or where a program has it, the first with a number that none has."""
    there = set(Program.objects.using(write_db()).filter(code__startswith=code).values_list("code", flat=True))
    return next(tried for n in count(1) if (tried := code if n == 1 else f"{code}-{n}") not in there)


def make(*, preset: Preset, code: str, name: str, currency: str, answers: Answers, at: datetime) -> SetupResult:
    """
    Make a draft of a ready program under a code, in one transaction. One that has the code is left as it is, whatever
    became of it.

    Raises `WrongValue` for a name, code or currency that is none.
    """
    choices = preset.choices(answers=answers, currency=currency)
    program = Program.objects.using(write_db()).filter(code=code, unit__isnull=False).select_related("unit").first()
    if program:
        return SetupResult(program=program, unit=program.unit, choices=choices, there=[as_it_stands(program=program)])
    return make_ready(code=code, name=name, currency=currency, live=False, at=at, choices=choices)
