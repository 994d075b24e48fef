"""A club whose points can be used, members who have some, and baskets they use them on."""

from types import SimpleNamespace

from django.db import transaction
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.queries import membership_of_user
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.shop.redemption.discount import applied_to, look_again
from loyalty_oscar.shop.redemption.use_points import use_points
from loyalty_oscar.testing.factories import LotFactory, MemberFactory, UseTermsFactory
from tests.integration.ledger.books import balance
from tests.once import once
from tests.storefront import TODAY, a_club, a_user, day


@once
def points_club(*, club=None, **terms):
    """The Paw Club with its points usable: 100 paws buy 1.00, within these limits."""
    unit = a_club(**(club or {}))
    UseTermsFactory(program=unit.program, **terms)
    return unit


def give(user, points, unit, *, source="gift", until=None, at=None) -> Account:
    """So many points, ready at once, for a person who joins now if need be."""
    member = MemberFactory(program=unit.program, user=user, joined_at=day(1, 2))
    return LotFactory(
        account__member=member, points=points, key=f"test:{source}", source=source, kind="adjust",
        at=at or day(1, 2), available_at=day(1, 2), expires_at=until or day(12, 31, 2097),
    ).account  # fmt: skip


def a_member_with(points, unit):
    """Boris, with so many points that are ready."""
    user = a_user()
    give(user, points, unit)
    return user


def use(user, basket, points, *, unit, at=TODAY):
    """Set points aside for a basket as the page does, and return the basket as the next page loads it."""
    use_points(
        account=membership_of_user(user_id=user.pk, unit=unit)[1], unit=unit, basket=basket, points=points, at=at
    )
    return reload(user, basket)


def reload(user, basket):
    """The basket as a new request loads it, all offers applied."""
    fresh = get_model("basket", "Basket").objects.get(pk=basket.pk)
    fresh.strategy = basket.strategy
    look_again(basket=fresh, request=SimpleNamespace(user=user))
    return fresh


def account(user) -> Account:
    """The account of a member."""
    return Account.objects.get(member__user=user)


def of(user):
    """What a member has: (ready, on the way, set aside, to make up)."""
    return balance(account(user))


def terms(**fields):
    """Change what points may pay for."""
    UseTerms.objects.update(**fields)
    forget_cache()


def on(basket):
    """The points that lower a basket's price, and its total."""
    applied = applied_to(basket=basket)
    return applied.points if applied else 0, basket.total_incl_tax


def pay(basket, *, user=None):
    """The order of a basket, as the last step of the checkout places it."""
    with transaction.atomic():
        return factories.create_order(basket=basket, user=user or basket.owner)


def pay_by_webhook(basket, *, user=None, **more):
    """The order of a basket, as a gateway's webhook places it that knows no user."""
    with transaction.atomic():
        return factories.create_order(basket=basket, user=user, guest_email="boris@example.com", **more)
