"""Sales of a product: Gold from 9 May, everyone from 11 May, over on 17 May; and people of every level."""

from contextlib import contextmanager
from datetime import UTC, datetime

from haystack import connections
from oscar.core.loading import get_class

from loyalty_oscar.program.models import Member
from loyalty_oscar.shop.pricing.gate import set_gates
from loyalty_oscar.shop.storefront.visit import Visit
from loyalty_oscar.testing.factories import (
    AccountFactory,
    DoorFactory,
    GivenTierFactory,
    MemberFactory,
    ProductSetFactory,
    SaleFactory,
    SegmentFactory,
)
from loyalty_oscar.tiers.models import GivenTier
from loyalty_oscar.tiers.operations import take_given
from loyalty_oscar.tiers.queries import ladder_of
from tests.storefront import a_product, a_user, buy, day

GOLD_FROM = datetime(2026, 5, 9, tzinfo=UTC)
PUBLIC_FROM = datetime(2026, 5, 11, tzinfo=UTC)
ENDS_AT = datetime(2026, 5, 17, tzinfo=UTC)
BRONZE, SILVER, GOLD = 1, 2, 3


def a_set(*products, code="trail"):
    """A product set whose range holds these products."""
    return ProductSetFactory(code=code, name=code, products=products)


def a_sale(unit, *products, doors=((GOLD, GOLD_FROM),), code="trail", **fields):
    """A sale with doors (rank or segment, opens at) that everybody sees, with a lock."""
    row = {"program": unit.program, "public_from": PUBLIC_FROM, "ends_at": ENDS_AT, **fields}
    sale = SaleFactory(code=code, product_set=a_set(*products, code=code), door=None, **row)
    for who, opens in doors:
        known = {"rank": who} if isinstance(who, int) else {"segment": who}
        DoorFactory(sale=sale, seen_from=day(5, 1), buys_from=opens, **known)
    return sale


def a_segment(unit, *users, name="Friends"):
    """Members who are named."""
    told = {"code": name.lower().replace(" ", "-"), "name": name, "members__at": day(1, 2)}
    members = Member.objects.filter(program=unit.program, user__in=users)
    return SegmentFactory(program=unit.program, members=members, **told)


def a_member_of(unit, rank, *, name=""):
    """Somebody on a level that staff gave; 0 is a member without one."""
    user = a_user(f"{name or f'rank{rank}'}@example.com")
    member = MemberFactory(program=unit.program, user=user, joined_at=day(1, 2))
    AccountFactory(member=member)
    if rank:
        give(member, rank, at=day(5, 1))
    return user


def bought_before(user):
    """Let somebody have bought something here, long before the sale: a customer whom the shop knows."""
    return buy(user, (a_product("Old blanket", "5.00"), 1), on=day(4, 1))


def give(member, rank, *, at):
    """Give a level until the end of the year."""
    tier = ladder_of(program_id=member.program_id).known_tiers[rank - 1]
    GivenTierFactory(member=member, tier=tier, until=day(12, 31), reason="a friend", actor="staff:1", at=at)


def take(user, *, at):
    """Take away the level that staff gave."""
    gift = GivenTier.objects.get(member__user=user)
    take_given(ladder=ladder_of(program_id=gift.member.program_id), gift=gift, at=at)


def offered(product, user=None):
    """What Oscar would sell to somebody now."""
    strategy = get_class("partner.strategy", "Selector")().strategy()
    return set_gates(strategy=strategy, visit=Visit(None, user)).fetch_for_product(product)


@contextmanager
def searching_tables():
    """Let Oscar's lists and its search find what is in the tables, as the demo shop does."""
    before = connections.connections_info
    connections.connections_info = {"default": {"ENGINE": "sandbox.search.TableEngine"}}
    connections.reload("default")
    try:
        yield
    finally:
        connections.connections_info = before
        connections.reload("default")
