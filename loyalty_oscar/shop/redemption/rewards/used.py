"""What an order and its mail say of the rewards that it used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program import contributions, money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import shown_units
from loyalty_oscar.redemption.models import Redemption

Piece = tuple[str, Mapping[str, Any]]


@contributions.register("thank-you:more", "rewards", order=3)
def thank_you(*, subject: Any, request: Any) -> Piece | None:
    """Return which rewards an order used. One query in a shop with rewards, none elsewhere."""
    lines = _lines(subject)
    return ("loyalty/widgets/rewards_used.html", {"lines": lines}) if lines else None


@contributions.register("mail:order", "rewards", order=55)
def in_mail(*, subject: Any, request: Any = None) -> Piece | None:
    """Return what the confirmation of an order says of its rewards."""
    lines = _lines(subject)
    return ("loyalty/mail/used.txt", {"text": "\n".join(lines)}) if lines else None


def _lines(order: Any) -> list[str]:
    if order is None or not order.user_id or not any(unit.program.known_rewards for unit in shown_units()):
        return []
    rows = Redemption.objects.using(write_db()).filter(order_id=order.pk, claim__isnull=False)
    text = pgettext("loyalty", "“%(reward)s” used: %(amount)s, taken off already.")
    told = [
        (row.claim.reward.name, money.in_words(minor=row.minor, currency=row.currency))
        for row in rows.select_related("claim__reward").order_by("pk")
        if row.claim is not None
    ]
    return [text % {"reward": name, "amount": f"\N{MINUS SIGN}{amount}"} for name, amount in told]
