"""What the Paw Club writes to its members, to whom, and who allows it: the ready campaigns, switched on for a while."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from oscar.core.loading import get_model

from loyalty_oscar.journeys.models import Campaign, CampaignText
from loyalty_oscar.journeys.ready import add_ready
from loyalty_oscar.people.consents import ask, confirm
from loyalty_oscar.program.models import ProductSet, Program, Segment
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.segments import set_members
from loyalty_oscar.shop.models import ProductSetRange

from . import people
from .loyalty import account_of
from .timeline import Happening, ten_oclock

#: Days from today: when the club began to write, and to write about orders.
WRITES, OF_ORDERS = -85, -30
#: Campaigns about orders, and those that stay switched off.
ABOUT_ORDERS = ("thank-you", "all-well", "review-request", "goes-with-it")
LEFT_OFF = ("farewell",)
#: The feast of the club lies so many days back.
FEAST = 12
#: Campaigns that are not among the ready ones: code -> occasion, name, params, points, subject, text.
MORE: dict[str, tuple[str, str, dict[str, Any], int, str, str]] = {
    "one-more-year": (
        "anniversary",
        "A year with us",
        {},
        50,
        "A year with us, {first_name}",
        "Hello {first_name},\n\na year ago you came into the {program}. Here is {gift} for the next.\n{link}\n\n{shop}",
    ),
    "bed-care": (
        "warranty",
        "Six months of a dog bed",
        {"sets": ["dog-beds"], "months": 6},
        0,
        "How is {product} after six months?",
        "Hello {first_name},\n\n{product} is half a year old. Wash its cover, and turn the foam.\n{link}\n\n{shop}",
    ),
    "come-in": (
        "joined",
        "Welcome to the club",
        {},
        0,
        "Welcome to the {program}, {first_name}",
        "Hello {first_name},\n\nfrom now on your orders bring paws. What they are good for:\n{link}\n\n{shop}",
    ),
    "card-full": (
        "goal",
        "A stamp card is full",
        {},
        0,
        "Your stamp card is full, {first_name}",
        "Hello {first_name},\n\nten times food: a present lies in your account.\n{link}\n\n{shop}",
    ),
    "new-level": (
        "level",
        "A level is reached",
        {},
        0,
        "One step up, {first_name}",
        "Hello {first_name},\n\nyou reached a new level of the {program}. See what it brings:\n{link}\n\n{shop}",
    ),
    "what-was-wrong": (
        "order-returned",
        "Something came back",
        {"question": "problem"},
        0,
        "Did something not fit, {first_name}?",
        "Hello {first_name},\n\nyou sent something back to us. May we know what was wrong with it?\n\n{shop}",
    ),
    "goodbye": (
        "leaving",
        "Goodbye",
        {"question": "farewell", "months": 3},
        0,
        "Goodbye, {first_name}?",
        "Hello {first_name},\n\nyou ordered three months ago. Will you say why not since? Your paws wait.\n\n{shop}",
    ),
    "dog-days": (
        "day",
        "Dog days",
        {},
        0,
        "Five minutes for your dog, {first_name}",
        "Hello {first_name},\n\na game for the walk, and what it takes for it:\n{link}\n\n{shop}",
    ),
    "cat-days": (
        "day",
        "Cat days",
        {},
        0,
        "Five minutes for your cat, {first_name}",
        "Hello {first_name},\n\na game for rainy evenings, and what it takes for it:\n{link}\n\n{shop}",
    ),
}
#: Campaigns about what is told before consent can be there: they wait two days.
WAIT = ("come-in", "new-level")
#: Campaigns for dogs and for cats apart, on a day so many days back: code -> group.
APART, FOR_HOMES = 24, {"dog-days": "dogs", "cat-days": "cats"}
#: Who joined after the others had allowed letters: the day from today on which they do.
CAME_LATER = {"joined@example.com": -7, "goal@example.com": -57, "level@example.com": -16, "returned@example.com": -25}
#: Whom "Just so" may come to: chance is to change no number that the pages of the docs show.
SURPRISED = ("slipping@example.com", "late@example.com", "away@example.com")
#: What the demo people allow, in which words.
ALLOWED = {"letters": "Write to me about gifts, goods and questions.", "personal": "Show me what fits my home."}
#: Groups of members by what they bought within a year: code -> name, and the range with its goods.
HOMES = {"dogs": ("Dog people", "dog"), "cats": ("Cat people", "cat")}
#: Days from today: when the club began to know them apart.
KNOWN = -500


def happenings(*, today: datetime) -> Iterator[Happening]:
    """Know homes apart, set up the campaigns, and let the demo people allow what is asked, half an hour later."""
    yield Happening(at=ten_oclock(today=today, days=KNOWN), do=_homes)
    began = ten_oclock(today=today, days=WRITES)
    yield Happening(at=began, do=_set_up)
    yield Happening(at=began + timedelta(minutes=30), do=_allow)
    for number, (email, days) in enumerate(CAME_LATER.items()):
        at = ten_oclock(today=today, days=days) + timedelta(minutes=number)
        yield Happening(at=at, do=partial(_allow_later, email))


def _set_up(player: Any, at: datetime) -> None:
    program = Program.objects.get(code="paw-club")
    add_ready(unit=program.unit, at=at)
    own = Campaign.objects.filter(program=program)
    # The club has one for birthdays already, which says the same from now on.
    CampaignText.objects.filter(campaign__code="happy-birthday").update(campaign=own.get(code="birthdays"))
    own.get(code="happy-birthday").delete()
    for code, (occasion, name, params, points, subject, body) in MORE.items():
        fields = {"occasion": occasion, "name": name, "params": params, "points": points, "starts_at": at}
        campaign = Campaign.objects.create(program=program, code=code, is_on=False, **fields)
        CampaignText.objects.create(campaign=campaign, language="en", subject=subject, body=body)
    feast = at + timedelta(days=-WRITES - FEAST)
    own.filter(code="saint-nicholas").update(
        name="The feast of the Paw Club", params={"day": feast.day, "month": feast.month}
    )
    day = at + timedelta(days=-WRITES - APART)
    for code, group in FOR_HOMES.items():
        told = {"params": {"day": day.day, "month": day.month}, "segment": Segment.objects.get(code=group)}
        own.filter(code=code).update(**told)
    own.filter(code__in=WAIT).update(delay_days=2)
    own.filter(code__in=ABOUT_ORDERS).update(starts_at=at + timedelta(days=OF_ORDERS - WRITES))
    own.filter(is_on=False).exclude(code__in=LEFT_OFF).update(is_on=True)
    program.save()  # So that all processes see it.
    forget_cache()


def _homes(player: Any, at: datetime) -> None:
    """Know dogs and cats apart."""
    program = Program.objects.get(code="paw-club")
    for code, (name, slug) in HOMES.items():
        goods, _made = ProductSet.objects.get_or_create(code=code, defaults={"name": f"For {code}"})
        range_ = get_model("offer", "Range").objects.get(slug=slug)
        ProductSetRange.objects.update_or_create(product_set=goods, defaults={"range": range_})
        traits = [{"trait": "bought", "params": {"sets": [code], "days": 365}}]
        Segment.objects.create(program=program, code=code, name=name, kind=Segment.Kind.RULE, traits=traits)
    forget_cache()


def _allow(player: Any, at: datetime) -> None:
    """
    Let the demo people who are members allow letters, as they do on their page and by the link that is mailed, and
    personal content; and name those who may be surprised.
    """
    program = Program.objects.get(code="paw-club")
    friends = Segment.objects.create(program=program, code="friends", name="Friends of the house")
    known = (account_of(user=player.users.get(email)) for email in SURPRISED)
    set_members(segment=friends, member_ids=[account.member_id for account in known if account], at=at)
    Campaign.objects.filter(program=program, occasion="surprise").update(segment=friends)
    forget_cache()
    for person in people.demo():
        _allow_later(person.email, player, at)


def _allow_later(email: str, player: Any, at: datetime) -> None:
    account = account_of(user=player.users.get(email))
    if account is not None:
        for purpose, said in ALLOWED.items():
            row = ask(member=account.member, purpose=purpose, words=said, language="en", at=at)
            confirm(consent_id=row.pk, at=at)
