"""Members with receipts, without the orders."""

from itertools import count

from loyalty_oscar.people.buyers import count_changed
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.testing.factories import MemberFactory

_keys = count(1)


def a_receipt(member, at, minor=1000, **fields):
    """A receipt of an order that a member placed, of so many minor units."""
    told = {
        "buyer": f"u:{member.user_id}",
        "currency": "EUR",
        "pieces": 1,
        "changed_at": at,
        "is_member": True,
        **fields,
    }
    return Receipt.objects.create(
        order_id=next(_keys), program=member.program, member=member, placed_at=at, goods_minor=minor,
        paid_minor=minor, **told,
    )  # fmt: skip


def who_bought(program, *days, minor=1000, **fields):
    """A new member who ordered on these days."""
    member = MemberFactory(program=program, joined_at=days[0] if days else fields.pop("joined_at"))
    for at in days:
        a_receipt(member, at, minor, **fields)
    return member


def counted(at, since=None):
    """The night's work; returns how many members were counted."""
    return sum(count_changed(since=since, at=at))
