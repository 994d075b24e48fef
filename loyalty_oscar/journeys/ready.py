"""
Ready campaigns: plain rows that a shop keeper reads, changes and switches on. Once there, no code knows of them.

Each is added switched off, with its texts in the languages of the shop that know them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.translation import pgettext_lazy

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.languages import languages
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import read_versions
from loyalty_oscar.program.worth import rate_of

from .models import Campaign, CampaignText
from .occasions import BIRTHDAY, DAY, LATE, LEAVING, ORDER_FINAL, ORDER_PLACED, SURPRISE

#: What a gift comes to where the worth of points is not set.
USUAL = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyCampaign:
    """
    A campaign to be added: its columns (`more`), what it says, and `about`, what staff read of it. What it gives is
    worth so many of the smallest coins of the program's currency (`minor`; 0 = it only writes).
    """

    code: str
    name: Any
    about: Any
    occasion: str
    subject: Any
    body: Any
    minor: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


READY = (
    ReadyCampaign(
        code="thank-you",
        name=pgettext_lazy("loyalty", "Thank you"),
        about=pgettext_lazy("loyalty", "At once, after every order."),
        occasion=ORDER_PLACED,
        subject=pgettext_lazy("loyalty", "Thank you, {first_name}"),
        body=pgettext_lazy(
            "loyalty",
            "Hello {first_name},\n\nthank you for your order. We pack it with care, and you can follow it here:\n"
            "{link}\n\n{shop}",
        ),
    ),
    ReadyCampaign(
        code="all-well",
        name=pgettext_lazy("loyalty", "Is all well?"),
        about=pgettext_lazy(
            "loyalty",
            "Three days after an order arrived. Who has a problem gets no further letter about it, and you get a case.",
        ),
        occasion=ORDER_FINAL,
        params={"question": "problem"},
        more={"delay_days": 3},
        subject=pgettext_lazy("loyalty", "Is all well with {product}?"),
        body=pgettext_lazy(
            "loyalty",
            "Hello {first_name},\n\n{product} has arrived. Is all well with it? If not, we see to it.\n\n{shop}",
        ),
    ),
    ReadyCampaign(
        code="review-request",
        name=pgettext_lazy("loyalty", "Your opinion"),
        about=pgettext_lazy("loyalty", "Ten days after an order arrived, where nothing was wrong with it."),
        occasion=ORDER_FINAL,
        more={"delay_days": 10},
        subject=pgettext_lazy("loyalty", "How do you like {product}?"),
        body=pgettext_lazy(
            "loyalty",
            "Hello {first_name},\n\nothers ask what {product} is like. Will you tell them? Stars do not matter, your"
            " words do:\n{link}\n\n{shop}",
        ),
    ),
    ReadyCampaign(
        code="goes-with-it",
        name=pgettext_lazy("loyalty", "What goes with it"),
        about=pgettext_lazy(
            "loyalty",
            "Three weeks after an order arrived: what others bought together with it, and is there to be had.",
        ),
        occasion=ORDER_FINAL,
        params={"related": True},
        more={"delay_days": 21, "rest_days": 60},
        subject=pgettext_lazy("loyalty", "What goes with {product}"),
        body=pgettext_lazy(
            "loyalty",
            "Hello {first_name},\n\nwho bought {product} often took one of these as well.\n\n{shop}",
        ),
    ),
    ReadyCampaign(
        code="happy-birthday",
        name=pgettext_lazy("loyalty", "Happy birthday"),
        about=pgettext_lazy("loyalty", "Once a year, for who told the day a month before."),
        occasion=BIRTHDAY,
        minor=500,
        params={"told_days": 30},
        subject=pgettext_lazy("loyalty", "Happy birthday, {first_name}"),
        body=pgettext_lazy(
            "loyalty",
            "Hello {first_name},\n\nall the best for your birthday! There is something for you in your account:"
            " {gift}.\n{link}\n\n{shop}",
        ),
    ),
    ReadyCampaign(
        code="we-miss-you",
        name=pgettext_lazy("loyalty", "We have not seen you for a while"),
        about=pgettext_lazy(
            "loyalty", "A gift for who takes half as long again as usual to order: each by their own rhythm."
        ),
        occasion=LATE,
        minor=300,
        more={"is_public": False, "rest_days": 90},
        subject=pgettext_lazy("loyalty", "Is something running low, {first_name}?"),
        body=pgettext_lazy(
            "loyalty",
            "Hello {first_name},\n\nusually you would have been here by now. For the next time, this lies in your"
            " account: {gift}.\n{link}\n\n{shop}",
        ),
    ),
    ReadyCampaign(
        code="saint-nicholas",
        name=pgettext_lazy("loyalty", "A little something for Saint Nicholas"),
        about=pgettext_lazy("loyalty", "On 6 December; choose the day and the season that suit your shop."),
        occasion=DAY,
        minor=200,
        params={"day": 6, "month": 12},
        more={"is_public": False},
        subject=pgettext_lazy("loyalty", "Something was in your boot"),
        body=pgettext_lazy(
            "loyalty",
            "Hello {first_name},\n\nsomebody came by at night and left {gift} in your account. Have a good"
            " season!\n{link}\n\n{shop}",
        ),
    ),
    ReadyCampaign(
        code="just-so",
        name=pgettext_lazy("loyalty", "Just so"),
        about=pgettext_lazy("loyalty", "Three members each month, drawn by chance, nobody twice a year."),
        occasion=SURPRISE,
        minor=500,
        params={"members": 3},
        more={"is_public": False},
        subject=pgettext_lazy("loyalty", "Just so, {first_name}"),
        body=pgettext_lazy(
            "loyalty",
            "Hello {first_name},\n\nno reason, no condition: {gift} for you, because you are with us. It lies in your"
            " account.\n{link}\n\n{shop}",
        ),
    ),
    ReadyCampaign(
        code="what-was-it",
        name=pgettext_lazy("loyalty", "Why did you stay away?"),
        about=pgettext_lazy("loyalty", "Two months after a missed order: one question, and no gift."),
        occasion=LATE,
        params={"question": "away"},
        more={"is_public": False, "delay_days": 60, "rest_days": 365},
        subject=pgettext_lazy("loyalty", "May we ask you something, {first_name}?"),
        body=pgettext_lazy(
            "loyalty",
            "Hello {first_name},\n\nyou have not been here for a while. Will you tell us why? One click is enough, and"
            " we read every answer.\n\n{shop}",
        ),
    ),
    ReadyCampaign(
        code="farewell",
        name=pgettext_lazy("loyalty", "Farewell"),
        about=pgettext_lazy("loyalty", "A year after the last order: the last letter, with one question."),
        occasion=LEAVING,
        params={"question": "farewell", "months": 12},
        more={"is_public": False, "rest_days": 3650},
        subject=pgettext_lazy("loyalty", "Goodbye, {first_name}?"),
        body=pgettext_lazy(
            "loyalty",
            "Hello {first_name},\n\nit looks as if you had left us. Will you tell us why? This is our last letter of"
            " this kind.\n\n{shop}",
        ),
    ),
)


def add_ready(*, unit: Unit, at: datetime, on: Collection[str] = ()) -> list[Campaign]:
    """
    Add the ready campaigns whose codes a program does not have yet, switched off but for those that are named `on`;
    returns those that were added.
    """
    db, program = write_db(), unit.program
    read_versions()
    with transaction.atomic(using=db):
        there = set(Campaign.objects.using(db).filter(program=program).values_list("code", flat=True))
        return [_add(ready, unit, at, ready.code in on) for ready in READY if ready.code not in there]


def _add(ready: ReadyCampaign, unit: Unit, at: datetime, is_on: bool) -> Campaign:
    db, rate = write_db(), rate_of(unit=unit)
    points = USUAL if rate is None else -(-ready.minor * rate.points // rate.minor)
    campaign = Campaign.objects.using(db).create(
        program=unit.program,
        code=ready.code,
        name=str(ready.name),
        occasion=ready.occasion,
        points=points if ready.minor else 0,
        params=dict(ready.params),
        starts_at=at,
        is_on=is_on,
        **ready.more,
    )
    CampaignText.objects.using(db).bulk_create(
        CampaignText(campaign=campaign, language=language, subject=subject, body=body)
        for language, (subject, body) in _said(ready).items()
    )
    return campaign


def _said(ready: ReadyCampaign) -> dict[str, tuple[str, str]]:
    """Return subject and text in each language of the shop that has words of its own for them; else in English."""
    found = {}
    with translation.override("en"):
        english = (str(ready.subject), str(ready.body))
    for language in languages():
        with translation.override(language):
            said = (str(ready.subject), str(ready.body))
        if language == "en" or said != english:
            found[language] = said
    return found or {languages()[0]: english}
