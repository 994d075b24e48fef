"""Actions that bring points, and what members have, for the tests of points for actions."""

from loyalty_oscar.earning.models import Action
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.operations import join
from tests.storefront import TODAY, a_user


def an_action(unit, kind="review", **fields):
    """An action in force, for everybody and at once."""
    found = {"code": fields.get("code", f"{kind}-{Action.objects.count()}"), "name": kind.title(), "points": 50}
    found |= {"told_days": 0, "least_orders": 0}
    return Action.objects.create(program=unit.program, kind=kind, **{**found, **fields})


def a_member(unit, email="boris@example.com", at=TODAY):
    """Somebody who takes part."""
    return join(program=unit.program, user_id=a_user(email).pk, at=at)


def has(member):
    """What a member has ready, and owes."""
    account = Account.objects.filter(member=member).first()
    return (account.available, account.debt) if account else (0, 0)
