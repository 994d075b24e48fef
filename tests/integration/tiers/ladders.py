"""A club with three levels: Bronze, Silver from 150.00, Gold from 400.00 in a calendar year."""

from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.tiers.models import Ladder, Tier
from tests.storefront import a_club


def a_ladder(*, unit=None, silver=15_000, gold=40_000, bronze=1, percents=(100, 110, 120), gifts=(0, 0, 0), **fields):
    """The Paw Club with levels; thresholds in cents."""
    unit = unit or a_club()
    ladder = Ladder.objects.create(program=unit.program, **fields)
    rows = zip(("Bronze", "Silver", "Gold"), (bronze, silver, gold), percents, gifts, strict=True)
    for rank, (name, threshold, percent, gift) in enumerate(rows, start=1):
        Tier.objects.create(
            ladder=ladder, rank=rank, code=name.lower(), name=name, threshold=threshold, percent=percent,
            gift_points=gift,
        )  # fmt: skip
    forget_cache()
    return ladder
