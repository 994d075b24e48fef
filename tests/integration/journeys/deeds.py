"""Campaigns that bring points, and what members have, for the tests of points for campaigns."""

from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.operations import join
from tests.storefront import TODAY, a_user


def a_campaign(unit, occasion="review", **fields):
    """A campaign in force, for everybody and at once."""
    code = f"{occasion}-{Campaign.objects.count()}"
    found = {"code": code, "name": occasion.title(), "points": 50, "params": {"told_days": 0}, "least_orders": 0}
    return Campaign.objects.create(program=unit.program, occasion=occasion, **{**found, **fields})


def a_member(unit, email="boris@example.com", at=TODAY):
    """Somebody who takes part."""
    return join(program=unit.program, user_id=a_user(email).pk, at=at)


def has(member):
    """What a member has ready, and owes."""
    account = Account.objects.filter(member=member).first()
    return (account.available, account.debt) if account else (0, 0)
