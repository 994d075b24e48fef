"""
Two lives side by side: the one in which an order was placed and came to nothing, and the one without it.

Everything must be alike, balances, levels, gifts, friends, budgets, quotas and dates, but for this:

- **What was true when it was placed stays true.** Orders that were placed while the other order stood keep what was
  promised then: the percent of a level that stood on it, or that they were not the first. What such orders bring is
  left out on both sides, and with it where it leads (a level that counts points, and what a campaign gives for it).
- **What was left is decided once.** Orders that met the end of a budget, or of what a member may have of a rule in a
  day, a month or for ever, where the other order had taken of it, keep the part that they got. They count as promised
  otherwise, as do those that stood again when the budget had nothing left; what they have of budgets is left out, and
  everything else that orders have of every budget must be alike.
- **What a sale had no room for is not made up for.** Pieces that staff add to an order when the other order had taken
  the last ones stay uncounted.
- **What ran out is gone**, and **what the shop bore it bore**: where points ran out in either life, or the shop bears
  what members have used up, accounts are compared by the oracle alone.
- **What was used went to the next.** Where the order had used points of another one that came back, those were taken
  from what else there was; its own come back to where they came from. Points are alike then, and dates need not be.
- **What was reached first was given first.** Where the order had reached a goal that others reach without it, points
  came earlier: they are alike then, and dates need not be.
- **What was used stays used.** Where the order had reached a goal whose reward another order used meanwhile, the reward
  stays used; and where it used one itself that a cancelled order had used before it, that order does not use it again
  though it stands after all. The rewards of such owners are not compared.
- **What campaigns decided at its moment stays decided.** A gift that was skipped for the other order's sake, as the
  budget, the rest, the level or another gift was by then, does not come anew; and what was told at another time, or
  of another climb, comes at another time. These gifts are left out on both sides, and the points of whose they are.
- **What came back, came back.** What a campaign gave for pieces of the other order that went back is left out, too.
- **What was ready stays ready.** Where the order came to nothing after its return period, the gift of a level that it
  had made ready does not wait anew for another order that carries the level: its owner's points are alike in their sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from loyalty_oscar.earning.models import RuleBudget
from loyalty_oscar.exclusives.models import QuotaCounter
from loyalty_oscar.ledger.models import Account, Entry, Kind, Lot, LotMove
from loyalty_oscar.redemption.models import Claim, Redemption
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.tiers.models import Standing

from .campaigns import DONE, PLANNED, SKIPPED, Occurrence
from .seen import Difference
from .stage import Stage

STANDS = (DONE, PLANNED)
#: Why a gift was skipped that another order may have had a part in.
DECIDED = ("nothing_left", "too_soon", "gives_less", "not_for_them")
#: A gift by the names that both lives share: campaign, person, source.
Gift = tuple[str, int, str]


class Twin:
    """What stands at the end of a life, by the names that both lives share."""

    def __init__(self, stage: Stage) -> None:
        self.now = stage.now
        self.labels = {pk: label for label, pk in stage.orders.items()}
        self.people = {pk: number for number, pk in enumerate(stage.people)}
        self.orders = {self.labels[pk]: order for pk, order in stage.oracle.orders.items()}
        self.points = self._points()
        self.lots = self._lots()
        self.levels = self._levels()
        self.gifts = {self.people[pk]: sorted(held) for pk, held in stage.oracle.held.items() if held}
        self.friends = self._friends()
        self.goals = {self.people[pk]: since for pk, since in stage.oracle.reached.items() if since}
        self.budgets = {code: given for code, (_budget, given) in stage.oracle.budgets.items()}
        self.of_rules = dict(RuleBudget.objects.values_list("rule__code", "taken"))
        self.used = self._used()
        # Two rewards of one person are alike: which of them an order used is of use to nobody. What went back is none.
        claims = Claim.objects.exclude(state="back").values_list("member__user_id", "state", "order_id")
        self.claims = sorted((self.people[user], state, self.labels.get(order, "")) for user, state, order in claims)
        held = stage.oracle.claims.items()
        self.kept = {self.people[user] for (_name, user), one in held if one.is_used and not one.is_owed}
        self.kept |= {self.people[user] for (_name, user), one in held if len(one.orders) > 1}
        self.is_loose = {self.people[user] for user in _ran_out()}
        if stage.start.program.get("debt_policy") == "clamp":
            self.is_loose |= set(self.people.values())
        self.took_others = {self.people[user] for user in _taken_elsewhere()}
        self.was_full = stage.oracle.was_full
        self.taken = dict(QuotaCounter.objects.values_list("sale__code", "taken"))
        self.campaigns = self._campaigns(stage)

    def _campaigns(self, stage: Stage) -> dict[Gift, Occurrence]:
        """What campaigns planned and gave; of the climbs of somebody the last one, of those that stand if any do."""
        found, rows = {}, stage.oracle.campaigns.rows.items() if stage.oracle.campaigns else ()
        for (code, user, source), row in sorted(rows, key=lambda one: one[1].state in STANDS):
            kind, _colon, detail = source.partition(":")
            if row.order is not None:
                source = f"{self.labels[row.order]}:{detail.partition(':')[2]}"
            elif kind == "level":
                source = kind
            found[code, self.people[user], source] = row
        return found

    def _points(self) -> dict[int, tuple[int, int, int, int]]:
        rows = Account.objects.values_list("member__user_id", "available", "pending", "reserved", "debt")
        return {self.people[user]: tuple(buckets) for user, *buckets in rows}

    def _lots(self) -> dict[int, dict[Any, int]]:
        found: dict[int, dict[Any, int]] = defaultdict(lambda: defaultdict(int))
        rows = Lot.objects.filter(is_open=True)
        told = ("account__member__user_id", "available_at", "expires_at", "remaining")
        for user, available_at, expires_at, points in rows.values_list(*told):
            # Points that are ready are ready: since when is of no use to anybody.
            is_ready = available_at is not None and available_at <= self.now
            found[self.people[user]]["ready" if is_ready else str(available_at), str(expires_at)] += points
        return {who: {dates: n for dates, n in lots.items() if n} for who, lots in found.items()}

    def _levels(self) -> dict[int, Any]:
        rows = Standing.objects.filter(is_current=True, rank__gt=0)
        return {self.people[user]: told for user, *told in rows.values_list("member__user_id", "rank", "kept_until")}

    def _friends(self) -> dict[int, Any]:
        rows = Referral.objects.values_list("newcomer__user_id", "order_id", "rewarded_at", "ready_at")
        return {
            self.people[user]: (self.labels.get(order), rewarded is not None, ready)
            for user, order, rewarded, ready in rows
        }

    def of_rules_without(self, labels: Collection[str]) -> dict[str, int]:
        """Return what budgets of rules have given to orders, but for these."""
        found = dict(self.of_rules)
        for label in labels:
            for code, has in self.orders[label].has.items():
                if has.budget is not None:
                    found[code] -= has.held
        return found

    def _used(self) -> dict[str, tuple[int, int]]:
        rows = (
            Redemption.objects.filter(claim=None).exclude(order_id=None).values_list("order_id", "points", "returned")
        )
        return {self.labels[order]: (points, back) for order, points, back in rows}


def _undecided(one: Twin, other: Twin, *, never: str, spoilt: Collection[int]) -> set[Gift]:
    """Return the gifts of campaigns that need not be alike."""
    found = set()
    for gift in one.campaigns.keys() | other.campaigns.keys():
        rows = [row for row in (one.campaigns.get(gift), other.campaigns.get(gift)) if row]
        is_decided = any(row.state == SKIPPED and row.why in DECIDED for row in rows)
        is_later = len({row.due_at for row in rows}) > 1
        of_level = gift[2] == "level" and gift[1] in spoilt
        if is_decided or is_later or of_level or gift[2] == f"{never}:returned":
            found.add(gift)
    return found


def _stand(twin: Twin, *, but: Collection[Gift]) -> dict[Gift, str]:
    """Return the gifts that stand or come, but for these."""
    rows = ((gift, row.state) for gift, row in twin.campaigns.items() if gift not in but)
    return {gift: state for gift, state in rows if state in STANDS}


def _ran_out() -> set[int]:
    """Return whose points ran out."""
    rows = Entry.objects.filter(kind=Kind.EXPIRE).order_by()
    return set(rows.values_list("account__member__user_id", flat=True))


def _taken_elsewhere() -> set[int]:
    """Return whose points were taken back from what something else had brought."""
    moves = LotMove.objects.filter(entry__kind=Kind.CLAW, points__gt=0).order_by()
    told = moves.values_list("account__member__user_id", "lot__source", "entry__key")
    return {user for user, source, key in told if not key.startswith(f"{source}:")}


def unlike(one: Twin, other: Twin, *, never: str) -> list[Difference]:
    """Return where two lives differ that must be alike: what, whose, with the order, without it."""
    promised = {
        label
        for label, order in one.orders.items()
        if label in other.orders and _promise(order) != _promise(other.orders[label])
    }
    spoilt = {one.people[order.owner] for label, order in one.orders.items() if label in promised}
    undecided = _undecided(one, other, never=never, spoilt=spoilt)
    loose = one.is_loose | other.is_loose | {who for _code, who, _source in undecided}
    order = one.orders.get(never)
    was_ready = order is not None and order.ready_at is not None and order.ready_at <= one.now
    late = one.people.get(order.owner) if was_ready else None
    took_others = one.took_others | other.took_others
    people = one.goals.keys() | other.goals.keys()
    loose_dates = took_others | {who for who in people if one.goals.get(who) != other.goals.get(who)}
    found: list[Difference] = []
    for name in ("points", "lots", "levels", "gifts", "friends"):
        mine, theirs = getattr(one, name), getattr(other, name)
        for who in sorted(mine.keys() | theirs.keys()):
            if name in ("points", "lots") and who in loose:
                continue
            if who in spoilt and name in ("points", "lots", "levels", "gifts"):
                continue
            nothing = {"points": (0, 0, 0, 0), "lots": {}, "gifts": []}.get(name)
            told, right = mine.get(who, nothing), theirs.get(who, nothing)
            if (name in ("points", "lots") and who == late) or (name == "lots" and who in loose_dates):
                told, right = _in_all(told), _in_all(right)
            if told != right:
                found.append((name, f"person {who}", told, right))
    for name in ("budgets",) if one.was_full or other.was_full else ("budgets", "taken"):
        if getattr(one, name) != getattr(other, name):
            found.append((name, "all", getattr(one, name), getattr(other, name)))
    times = [{who: len(since) for who, since in twin.goals.items()} for twin in (one, other)]
    if times[0] != times[1]:
        found.append(("goals", "all", *times))
    stand = [_stand(twin, but=undecided) for twin in (one, other)]
    if stand[0] != stand[1]:
        found.append(("campaigns", "all", *stand))
    kept = one.kept | other.kept | {who for _code, who, _source in undecided}
    claims = [[claim for claim in twin.claims if claim[0] not in kept] for twin in (one, other)]
    if claims[0] != claims[1]:
        found.append(("rewards", "all", *claims))
    mine, theirs = one.of_rules_without(promised), other.of_rules_without(promised)
    if mine != theirs:
        found.append(("budgets of rules", "all", mine, theirs))
    for label in sorted((one.used.keys() | other.used.keys()) - {never}):
        if one.used.get(label) != other.used.get(label):
            found.append(("used", label, one.used.get(label), other.used.get(label)))
    return found


def _in_all(told: Any) -> Any:
    """Return points or lots of somebody, ready or not, and whenever they run out."""
    if isinstance(told, dict):
        return sum(told.values())
    return (told[0] + told[1], *told[2:])


def _promise(order: Any) -> Any:
    return order.terms.percent, order.terms.rank, order.terms.is_first, order.bound, order.short
