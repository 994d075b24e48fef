"""The levels of the Paw Club: what they take and bring, and a Silver that staff gave and that is about to end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from oscar.core.loading import get_model

from loyalty_oscar.program.models import ProductSet, Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.models import ProductSetRange
from loyalty_oscar.shop.tiers.conditions import our_conditions
from loyalty_oscar.tiers.models import Ladder, MemberPrice, Tier
from loyalty_oscar.tiers.operations import give_tier, set_out
from loyalty_oscar.tiers.queries import ladder_of
from loyalty_oscar.tiers.signals import ladder_saved

from . import badges
from .loyalty import account_of
from .timeline import Happening, ten_oclock

#: code -> names, from (cents in a calendar year), points in percent, welcome gift, color, what else it brings
LEVELS = {
    "bronze": ({"en": "Bronze", "pl": "Brązowy", "ru": "Бронза"}, 5_000, 100, 20, "#94470A", ""),
    "silver": ({"en": "Silver", "de": "Silber", "pl": "Srebrny", "ru": "Серебро"}, 15_000, 110, 50, "#55636A", ""),
    "gold": (
        {"en": "Gold", "pl": "Złoty", "ru": "Золото"}, 40_000, 120, 100, "#8A6100", "First into every member sale"
    ),
}  # fmt: skip
#: Points in percent where the club gives cashback: 2, 3 and 5 % of what is paid.
OF_CASHBACK = {"bronze": 100, "silver": 150, "gold": 250}
BRONZE, SILVER, GOLD = 1, 2, 3
SLIPPING = "slipping@example.com"
#: Days from today.
MEMBER_PRICES, GIVEN, LAST_DAY = -100, -70, 20


def open_ladder(*, at: datetime) -> None:
    """Put up the ladder on the shop's first day, as the admin does: nobody is above a level yet, so nobody is told."""
    program = Program.objects.get(code="paw-club")
    if Ladder.objects.filter(program=program).exists():
        return
    ladder = Ladder.objects.create(program=program)
    for rank, (code, (names, threshold, percent, gift, color, text)) in enumerate(LEVELS.items(), start=1):
        percent = OF_CASHBACK[code] if program.unit.is_money else percent
        fields = {"name": names["en"], "names": names, "threshold": threshold, "percent": percent, "points": gift}
        picture = f"loyalty/tiers/{code}.png"
        badges.draw(rank=rank, path=Path(settings.MEDIA_ROOT, picture))
        Tier.objects.create(ladder=ladder, rank=rank, code=code, color=color, text=text, picture=picture, **fields)
    set_out(ladder=ladder, at=at)
    ladder_saved.send(sender=Ladder, ladder=ladder)
    _free_delivery()


def _free_delivery() -> None:
    """One of Oscar's own offers, with our condition."""
    benefit = get_model("offer", "Benefit")
    get_model("offer", "ConditionalOffer").objects.create(
        slug="gold-delivery",
        name="Free delivery, however small the order",
        description="Reach Gold, and delivery is free: it comes off by itself.",
        condition=our_conditions().get(value=GOLD),
        benefit=benefit.objects.create(type=benefit.SHIPPING_PERCENTAGE, value=100),
        exclusive=False,
    )


def happenings(*, today: datetime) -> Iterator[Happening]:
    """Lower the price of food for members, and give a Silver that ends soon."""
    yield Happening(at=ten_oclock(today=today, days=MEMBER_PRICES), do=_lower_prices)

    def give(player: Any, at: datetime) -> None:
        _give(player, at, until=end_of_gift(today=today))

    yield Happening(at=ten_oclock(today=today, days=GIVEN), do=give)


def end_of_gift(*, today: datetime) -> datetime:
    """Return when the Silver that was given ends: within three weeks, and within the year whose orders keep it."""
    end = ten_oclock(today=today, days=LAST_DAY + 1).replace(hour=0)
    return min(end, datetime(today.year + 1, 1, 1, tzinfo=today.tzinfo))


def _lower_prices(player: Any, at: datetime) -> None:
    food, _made = ProductSet.objects.get_or_create(code="food", defaults={"name": "Food"})
    range_ = get_model("offer", "Range").objects.get(slug="food")
    ProductSetRange.objects.update_or_create(product_set=food, defaults={"range": range_})
    MemberPrice.objects.create(tier=Tier.objects.get(code="silver"), product_set=food, percent=10, starts_at=at)
    forget_cache()


def _give(player: Any, at: datetime, *, until: datetime) -> None:
    member = account_of(user=player.users[SLIPPING]).member
    ladder = ladder_of(program_id=member.program_id)
    give_tier(
        ladder=ladder,
        member_id=member.pk,
        tier=ladder.known_tiers[SILVER - 1],
        until=until,
        reason="His stamp card of the old shop said Silver",
        actor=f"staff:{get_user_model().objects.get(email='merchant@example.com').pk}",
        at=at,
    )
