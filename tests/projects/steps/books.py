"""What stands in the ledger, whoever it belongs to."""

from django.db.models import F, Sum

from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program.models import Event, Member

NET = Sum(F("available") + F("pending") + F("reserved") - F("debt"), default=0)


def points_of(user) -> int:
    """Everything that this person has, ready or on the way, less what is to be made up."""
    return Account.objects.filter(member__user=user).aggregate(net=NET)["net"]


def run() -> dict:
    return {
        "entries": Entry.objects.count(),
        "net": Account.objects.aggregate(net=NET)["net"],
        "members": Member.objects.count(),
        "nameless": Member.objects.filter(user=None).count(),
        "messages": Event.objects.count(),
    }
