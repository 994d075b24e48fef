"""Rewards of the Paw Club, and who has one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from oscar.core.loading import get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.program.models import Program, Reward
from loyalty_oscar.program.operations import give
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import RewardCode
from loyalty_oscar.redemption.operations import buy, fulfil

from .levels import GOLD
from .loyalty import account_of
from .pictures import draw
from .timeline import Happening, ten_oclock

#: What no points buy: the stamp card brings it.
PRESENT = "chicken-strips"
#: code -> what it is and says, its price, what one costs the shop (cents), what more there is to it, and its picture
REWARDS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "puppy-school": (
        {
            "name": "Puppy school: a first lesson",
            "text": "With our friends at Pfotenfit in Augsburg and Leipzig.",
            "kind": "code",
            "params": {"where": "Show it before the lesson begins."},
            "price": 350,
            "cost_minor": 500,
            "valid_days": 90,
        },
        {"motif": "lead", "coat": "teal", "emblem": "paw"},
    ),
    "nail-clipping": (
        {
            "name": "Nail clipping in our shop",
            "text": "Ten minutes, any pet that holds still.",
            "kind": "service",
            "params": {"ask": "Which pet, and which weekday suits you?"},
            "price": 400,
            "cost_minor": 300,
            "valid_days": 180,
        },
        {"motif": "brush", "coat": "orange", "emblem": "paw"},
    ),
    "free-delivery": (
        {
            "name": "Free delivery",
            "text": "For one order, wherever in Germany it goes.",
            "kind": "delivery",
            "price": 300,
            "cost_minor": 390,
            "valid_days": 180,
        },
        {"motif": "house", "coat": "deep", "emblem": "paw"},
    ),
    "five-off": (
        {
            "name": "5.00 € off your order",
            "text": "On top of every offer.",
            "kind": "off",
            "params": {"amount": 500, "least": 2000},
            "price": 450,
            "cost_minor": 500,
            "valid_days": 180,
        },
        {"motif": "tag", "coat": "orange", "emblem": "heart"},
    ),
    "a-toy": (
        {
            "name": "A toy as a gift",
            "text": "It comes along with your next order.",
            "kind": "product",
            "params": {"products": ["40-3301-ROP", "40-7140-GUL"], "pieces": 1},
            "price": 600,
            "cost_minor": 480,
            "valid_days": 180,
        },
        {"motif": "plush", "coat": "teal", "emblem": "heart"},
    ),
    "photo-session": (
        {
            "name": "Photo session with your pet",
            "text": "Half an hour in our studio, ten pictures to keep.",
            "kind": "service",
            "params": {"ask": "Which pet, and which weekend suits you?"},
            "price": 2500,
            "cost_minor": 4000,
            "quota": 5,
            "per_member": 1,
            "rank": GOLD,
        },
        {"motif": "blanket", "coat": "deep", "emblem": "star"},
    ),
    PRESENT: (
        {
            "name": "A bag of chicken strips",
            "text": "At the till of our shop, or in your next parcel.",
            "kind": "service",
            "params": {"ask": "At the till, or in which parcel?"},
            "cost_minor": 210,
            "valid_days": 180,
        },
        {"motif": "bag", "coat": "orange", "emblem": "bone"},
    ),
}
CODES = [f"PFOTE-{number}" for number in range(4107, 4137)]
#: Who claims what, days from today, with what words; and whether the shop has done its part.
CLAIMS = (("plenty@example.com", -3, "nail-clipping", "Two guinea pigs, any Friday", False),)
#: Whom the shop gives what, days from today.
GIFTS = (
    ("silver@example.com", -2, "a-toy"),
    ("silver@example.com", -2, "five-off"),
    ("plenty@example.com", -1, "free-delivery"),
)
#: Days from today.
OPENED = -60


def happenings(*, today: datetime) -> Iterator[Happening]:
    """Open the catalogue, and let members claim."""
    yield Happening(at=ten_oclock(today=today, days=OPENED), do=_open)
    for number, (email, days, code, text, is_done) in enumerate(CLAIMS):
        at = ten_oclock(today=today, days=days) + timedelta(minutes=number)
        yield Happening(at=at, do=partial(_claim, email, code, text, is_done))

    for email, days, code in GIFTS:
        yield Happening(at=ten_oclock(today=today, days=days), do=partial(_give, email, code))


def _open(player: Any, at: datetime) -> None:
    program = Program.objects.get(code="paw-club")
    for code, (fields, picture) in REWARDS.items():
        name = f"loyalty/rewards/{code}.png"
        if not (path := Path(settings.MEDIA_ROOT, name)).exists():
            draw(**picture, path=path)
        fields = {**fields, "params": _with_keys(fields.get("params", {}))}
        Reward.objects.create(program=program, code=code, picture=name, starts_at=at, **fields)
    RewardCode.objects.bulk_create(
        [RewardCode(reward=Reward.objects.get(code="puppy-school"), code=code) for code in CODES]
    )
    forget_cache()


def _with_keys(params: dict[str, Any]) -> dict[str, Any]:
    """Return a reward's parameters with the keys of its products, which stand above by their numbers."""
    if "products" not in params:
        return params
    keys = dict(get_model("catalogue", "Product").objects.values_list("upc", "pk"))
    return {**params, "products": [keys[upc] for upc in params["products"]]}


def _give(email: str, code: str, player: Any, at: datetime) -> None:
    member, reward = account_of(user=player.users[email]).member, Reward.objects.get(code=code)
    because = Because("goodwill")
    give(member_id=member.pk, promise=Promise(reward_id=reward.pk), key=f"staff:{code}", because=because, at=at)


def _claim(email: str, code: str, text: str, is_done: bool, player: Any, at: datetime) -> None:
    member = account_of(user=player.users[email]).member
    claim = buy(reward=Reward.objects.get(code=code), member=member, key=code, text=text, at=at)
    if is_done:
        fulfil(claim=claim, actor="system", at=at + timedelta(days=1))
