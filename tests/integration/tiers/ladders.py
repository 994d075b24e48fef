"""A club with three levels: Bronze, Silver from 150.00, Gold from 400.00 in a calendar year."""

from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.testing.factories import GivenTierFactory, LadderFactory
from loyalty_oscar.tiers.models import Standing
from loyalty_oscar.tiers.operations import settle, settle_all
from loyalty_oscar.tiers.queries import ladder_of
from tests.once import once
from tests.storefront import a_club


@once
def a_ladder(*, unit=None, silver=15_000, gold=40_000, bronze=1, percents=(100, 110, 120), gifts=(0, 0, 0), **fields):
    """The Paw Club with levels; thresholds in cents."""
    unit = unit or a_club()
    rows = zip(("bronze", "silver", "gold"), (bronze, silver, gold), percents, gifts, strict=True)
    for name, threshold, percent, gift in rows:
        fields |= {f"{name}__threshold": threshold, f"{name}__percent": percent, f"{name}__points": gift}
    return LadderFactory(program=unit.program, **fields)


@once
def a_club_with_levels():
    """The Paw Club with its usual levels; returns its unit."""
    unit = a_club()
    a_ladder(unit=unit)
    return unit


def known(ladder):
    """The ladder in force, read again."""
    forget_cache()
    return ladder_of(program_id=ladder.program_id)


def now(user):
    """Where somebody stands."""
    return Standing.objects.select_related("tier").get(member__user=user, is_current=True)


def hand(ladder, user, rank, *, until, at):
    """A level given by hand."""
    member, tier = Member.objects.get(user=user), known(ladder).known_tiers[rank - 1]
    return GivenTierFactory(member=member, tier=tier, until=until, actor="staff:1", at=at)


def told_and_over(ladder, user, at):
    """Settle somebody whose descent was announced."""
    member_id = Member.objects.get(user=user).pk
    settle(ladder=known(ladder), member_ids=[member_id], at=at, announced=[member_id])


def a_night(ladder, at):
    """Settle everybody, told or not."""
    return sum(moved for _member, moved in settle_all(ladder=known(ladder), at=at))
