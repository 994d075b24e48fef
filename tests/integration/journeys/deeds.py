"""Campaigns that bring points, and what members have, for the tests of points for campaigns."""

from loyalty_oscar.journeys.carrying import carry_out
from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.planning import find
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.testing.factories import CampaignFactory, MemberFactory
from tests.storefront import TODAY, a_user


def a_campaign(unit, occasion="review", **fields):
    """A campaign in force, for everybody and at once."""
    code = f"{occasion}-{Campaign.objects.count()}"
    return CampaignFactory(**{"program": unit.program, "occasion": occasion, "code": code, **fields})


def a_member(unit, email="boris@example.com", at=TODAY):
    """Somebody who takes part."""
    return MemberFactory(program=unit.program, user=a_user(email), joined_at=at)


def has(member):
    """What a member has ready, and owes."""
    account = Account.objects.filter(member=member).first()
    return (account.available, account.debt) if account else (0, 0)


def a_night(at):
    """What the job does in a night: plans what it finds, and carries out what is due; returns how many came."""
    list(find(at=at))
    return sum(carry_out(at=at))
