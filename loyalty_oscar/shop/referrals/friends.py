"""The list of friends that a member brought: first names, states and points."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import npgettext, pgettext, pgettext_lazy
from oscar.core.loading import get_model

from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.program import words
from loyalty_oscar.program.models import Member, Unit
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.referrals.queries import brought_by, totals

from ..notices.letters import first_name

State = Referral.State
NEWEST = 100
#: What the chips say, by the state of the statement whose look they have.
CHIPS = {
    "ready": pgettext_lazy("loyalty", "Ready"),
    "way": pgettext_lazy("loyalty", "On the way"),
    "used": pgettext_lazy("loyalty", "Joined"),
    "back": pgettext_lazy("loyalty", "Taken back"),
    "out": pgettext_lazy("loyalty", "No reward"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Friend:
    """
    One friend: what to call them, where the first order stands, and the points of the one who invited, in words with
    their sign, or the reward (a dash while there is nothing).
    """

    name: str
    text: str
    chip: str
    points: int
    number: str

    @property
    def chip_word(self) -> str:
        """What the chip says."""
        return str(CHIPS[self.chip])


def name_of(*, member: Member) -> str:
    """Return a friend's first name without what could become a link, or "A friend"."""
    return (first_name(user=member.user) if member.user else "") or pgettext("loyalty", "A friend")


def friends(*, member: Member, unit: Unit, at: datetime) -> dict[str, Any]:
    """Return the newest friends of a member, and how many there are and what they brought in all. Three queries."""
    rows = list(brought_by(member_id=member.pk)[:NEWEST])
    orders = get_model("order", "Order").objects.filter(pk__in=[row.order_id for row in rows if row.order_id])
    placed = dict(orders.values_list("pk", "date_placed"))
    shown = [_friend(row, placed.get(row.order_id), unit, at) for row in rows]
    found = totals(member_id=member.pk, at=at)
    counted = npgettext("loyalty", "%(count)d friend", "%(count)d friends", found["count"]) % {"count": found["count"]}
    text = pgettext("loyalty", "%(friends)s: %(ready)s ready, %(way)s on the way.")
    ready, way = (words.points(unit=unit, points=found[state]) for state in ("ready", "way"))
    if rows and not any(row.giver_points for row in rows):
        return {"friends": shown, "friends_sum": pgettext("loyalty", "%(friends)s.") % {"friends": counted}}
    return {"friends": shown, "friends_sum": text % {"friends": counted, "ready": ready, "way": way}}


def _friend(row: Referral, placed_at: datetime | None, unit: Unit, at: datetime) -> Friend:
    chip, has = _chip(row, at), row.has("giver") if row.state == State.REWARDED else Promise()
    number = words.points(unit=unit, points=has.points, signed=True)
    if has.reward_id is not None:
        number = words.promised(unit=unit, row=row, prefix="giver_")
    elif chip == "used" or not row.giver_points:
        number = "\N{EN DASH}"
    return Friend(
        name=name_of(member=row.newcomer),
        text=_text(row, chip, placed_at, unit.program.time_zone),
        chip=chip,
        points=has.points,
        number=number,
    )


def _chip(row: Referral, at: datetime) -> str:
    if not row.promise("giver"):
        return "used"
    if row.state == State.REWARDED:
        if row.is_over_cap:
            return "out"
        return "ready" if row.ready_at and row.ready_at <= at else "way"
    return {State.REVERSED: "back", State.BLOCKED: "out"}.get(row.state, "used")


def _text(row: Referral, chip: str, placed_at: datetime | None, zone: str) -> str:
    """
    Say where the reward of the first order stands, with its days: no more than the page of the invitation tells
    newcomers that the one who invited sees.
    """
    first = words.day(placed_at, zone=zone, year=False) if placed_at else ""
    if not row.promise("giver") and first:
        return pgettext("loyalty", "First order on %(day)s") % {"day": first}
    if row.state == State.REWARDED and row.is_over_cap:
        return pgettext("loyalty", "No reward: you had reached the most for that month")
    if row.state == State.REVIEW:
        return pgettext("loyalty", "First order on %(day)s, being checked") % {"day": first}
    if row.state == State.BLOCKED:
        # The rule, and never what the checks found.
        return pgettext("loyalty", "No reward: only people who are new here bring one")
    if row.state == State.REVERSED:
        return pgettext("loyalty", "First order on %(day)s, no reward any more") % {"day": first}
    if chip == "ready":
        return pgettext("loyalty", "First order on %(day)s, return period over") % {"day": first}
    if chip == "way" and row.ready_at:
        text = pgettext("loyalty", "First order on %(day)s, return period ends on %(end)s")
        return text % {"day": first, "end": words.day(row.ready_at, zone=zone, year=False)}
    if chip == "way":
        return pgettext("loyalty", "First order on %(day)s, return period not over yet") % {"day": first}
    return pgettext("loyalty", "Hasn't ordered yet")
