"""Campaigns that bring points, and what members have, for the tests of points for campaigns."""

from django.core import mail

from loyalty_oscar.journeys.carrying import carry_out
from loyalty_oscar.journeys.models import Campaign, CampaignText, Occurrence
from loyalty_oscar.journeys.planning import find
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.people.models import Consent
from loyalty_oscar.shop.notices import deliver
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


def says(campaign, subject="Hello {first_name}", body="For you: {gift}.\n\n{link}", language="en"):
    """Give a campaign a text; returns it."""
    CampaignText.objects.create(campaign=campaign, language=language, subject=subject, body=body)
    return campaign


def allows(member, *, purpose="letters", at=TODAY):
    """Let a member allow letters; returns it."""
    told = {"words": "Yes, write to me.", "language": "en", "asked_at": at, "confirmed_at": at}
    Consent.objects.create(member=member, purpose=purpose, **told)
    return member


def whys(**about):
    """The states and whys of what campaigns planned, in order."""
    rows = Occurrence.objects.filter(**about).order_by("pk")
    return [(row.state, row.because["c"] if row.state in ("skipped", "held", "back") else "") for row in rows]


def leave(at):
    """Send what waits; returns the subjects of the letters that left."""
    mail.outbox.clear()
    list(deliver(at=at))
    return [letter.subject.replace("\xa0", " ") for letter in mail.outbox]
