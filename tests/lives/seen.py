"""What the product says stands: read from its own tables, in the words in which the oracle answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Sum

from loyalty_oscar.earning.models import Award, RuleBudget
from loyalty_oscar.exclusives.models import QuotaCounter, Reservation
from loyalty_oscar.journeys.models import Campaign, GoalStanding, Occurrence
from loyalty_oscar.ledger.models import Account, Entry, Kind
from loyalty_oscar.redemption.models import Claim, Redemption
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.tiers.models import Standing

from .oracle import Oracle

#: A reward that was had for a moment is as one that nobody ever had.
GONE = ("back", None)
#: Where two lives, or the product and the oracle, differ: what, where, one, the other.
Difference = tuple[str, Any, Any, Any]


def differences(
    *, oracle: Oracle, people: Iterable[int], labels: Mapping[int, str], sale: int | None, lenient: bool, at: datetime
) -> list[Difference]:
    """
    Return where product and oracle differ: what it is about, whose it is, what stands, what is right.

    `lenient` is a shop that bears what members have used up already.
    """
    found: list[Difference] = []

    def same(what: str, whose: Any, stands: Any, right: Any) -> None:
        if stands != right:
            found.append((what, whose, stands, right))

    _failures(labels, same)
    _orders(oracle, labels, same)
    _accounts(oracle, list(people), at, lenient, same)
    _levels(oracle, list(people), same)
    _friends(oracle, labels, same)
    _campaigns(oracle, same)
    _goals(oracle, list(people), same)
    _claims(oracle, labels, same)
    if oracle.rule_budgets:
        _rule_budgets(oracle, same)
    if sale:
        _sale(oracle, labels, sale, same)
    return found


def _failures(labels: Mapping[int, str], same: Any) -> None:
    for order, error in OrderSync.objects.exclude(failures=0).values_list("order_id", "error"):
        same("failed", labels.get(order, order), error, "")


def _orders(oracle: Oracle, labels: Mapping[int, str], same: Any) -> None:
    awards = {
        pk: (given, ready) for pk, given, ready in Award.objects.values_list("source_id", "given", "available_at")
    }
    used: dict[int, tuple[int, int]] = {}
    for pk, points, returned in (
        Redemption.objects.filter(claim=None).exclude(order_id=None).values_list("order_id", "points", "returned")
    ):
        used[pk] = (points, returned)
    for pk, order in oracle.orders.items():
        given, ready = awards.get(pk, (0, None))
        same("earned", labels[pk], given, order.earned)
        if pk in awards and order.earned:
            same("ready at", labels[pk], ready, order.ready_at)
        same("used and back", labels[pk], used.get(pk, (0, 0)), (order.used, order.back))


def _accounts(oracle: Oracle, people: list[int], at: datetime, lenient: bool, same: Any) -> None:
    accounts: dict[int, dict[str, int]] = {}
    rows = Account.objects.filter(member__user_id__in=people)
    names = ("available", "pending", "reserved", "debt")
    for user, *buckets in rows.values_list("member__user_id", *names):
        accounts[user] = dict(zip(names, buckets, strict=True))
    told = Entry.objects.filter(kind=Kind.EXPIRE, account__member__user_id__in=people).order_by()
    sums = told.values_list("account__member__user_id").annotate(Sum("d_available"))
    ran_out = {user: -points for user, points in sums}
    for user in people:
        stands = accounts.get(user, dict.fromkeys(names, 0))
        right = oracle.sums(user, at)
        net = stands["available"] + stands["pending"] + stands["reserved"] - stands["debt"]
        lost = ran_out.get(user, 0)
        # What ran out is forgiven where goods go back later, and where the shop bears what is missing, it is lenient.
        fits = right.net - lost <= net and (lenient or net <= right.net)
        same("points", user, net if not fits else "", "" if fits else (right.net, lost))
        same("set aside", user, stands["reserved"], right.reserved)
        waits = right.waiting <= stands["pending"] <= right.waiting + right.may_wait
        same(
            "on the way", user, stands["pending"] if not waits else "", "" if waits else (right.waiting, right.may_wait)
        )
        same("to make up in a lenient shop", user, stands["debt"] if lenient else 0, 0)
        same("ready and to make up", user, bool(stands["available"] and stands["debt"]), False)


def _levels(oracle: Oracle, people: list[int], same: Any) -> None:
    rows = Standing.objects.filter(is_current=True, member__user_id__in=people)
    standing = {user: (rank, until) for user, rank, until in rows.values_list("member__user_id", "rank", "kept_until")}
    gifts: dict[tuple[int, int], int] = defaultdict(int)
    given = Entry.objects.filter(account__member__user_id__in=people, key__startswith="tier:")
    for user, key in given.values_list("account__member__user_id", "key"):
        _tier, pk, *rest = key.split(":")
        gifts[user, int(pk)] += -1 if "back" in rest else 1
    for user in people:
        ranks = oracle.ranks.get(user)
        rank, until = ranks[-1][1:] if ranks else (0, None)
        same("level", user, standing.get(user, (0, None)), (rank, until if rank else standing.get(user, (0, None))[1]))
        held = sum(1 for (who, _pk), number in gifts.items() if who == user and number > 0)
        same("gifts", user, held, len(oracle.held.get(user, ())))


def _friends(oracle: Oracle, labels: Mapping[int, str], same: Any) -> None:
    rows = Referral.objects.values_list("newcomer__user_id", "order_id", "rewarded_at", "ready_at")
    ties = {user: (order, rewarded is not None, ready) for user, order, rewarded, ready in rows}
    for user, tie in oracle.ties.items():
        order, rewarded, ready = ties.get(user, (None, False, None))
        same("friend's order", user, labels.get(order, order), labels.get(tie.order, tie.order))
        same("friend rewarded", user, rewarded, tie.is_rewarded)
        if rewarded and tie.is_rewarded:
            same("friend ready at", user, ready, tie.ready_at)


def _claims(oracle: Oracle, labels: Mapping[int, str], same: Any) -> None:
    rows = Claim.objects.values_list("key", "member__user_id", "state", "order_id")
    stands = {(claim_name(key), user): (state, labels.get(order, order)) for key, user, state, order in rows}
    right = {
        claim: (held.state(), labels.get(held.order, held.order) if held.is_used else None)
        for claim, held in oracle.claims.items()
    }
    for claim in sorted(stands.keys() | right.keys()):
        same("reward", claim, stands.get(claim, GONE), right.get(claim, GONE))


def claim_name(key: str) -> str:
    """Return the name that the oracle has for a reward with this key."""
    return f"card:{key.rpartition(':')[2]}" if key.startswith("goal:") else key


def _campaigns(oracle: Oracle, same: Any) -> None:
    given = {code: (times, spent) for code, times, spent in Campaign.objects.values_list("code", "given", "spent")}
    for code, (_budget, right) in oracle.budgets.items():
        same("budget", code, given[code][1], right)
    if oracle.campaigns is None:
        return
    told = oracle.campaigns
    for code in told.all:
        same("given and spent", code, given[code], (told.given[code], told.spent[code]))
    rows = Occurrence.objects.filter(campaign__code__in=list(told.all))
    stands = {}
    for code, user, source, state, because in rows.values_list(
        *("campaign__code", "member__user_id", "source", "state", "because")
    ):
        stands[code, user, source] = state, because["c"] if state in ("skipped", "back") else ""
    for key in stands.keys() | told.rows.keys():
        row = told.rows.get(key)
        same("campaign", key, stands.get(key), row and (row.state, row.why))


def _goals(oracle: Oracle, people: list[int], same: Any) -> None:
    times = dict(GoalStanding.objects.values_list("member__user_id", "reached"))
    for user in people:
        same("goal reached", user, times.get(user, 0), len(oracle.reached.get(user, ())))


def _rule_budgets(oracle: Oracle, same: Any) -> None:
    rows = {code: [most, taken] for code, most, taken in RuleBudget.objects.values_list("rule__code", "most", "taken")}
    for code in rows.keys() | oracle.rule_budgets.keys():
        same("budget of the rule", code, rows.get(code), oracle.rule_budgets.get(code))


def _sale(oracle: Oracle, labels: Mapping[int, str], sale: int, same: Any) -> None:
    rows = Reservation.objects.filter(sale_id=sale, order_id__isnull=False)
    places = {order: pieces for order, pieces in rows.values_list("order_id", "quantity") if pieces}
    right = {order: pieces for order, pieces in oracle.places.items() if pieces}
    for order in places.keys() | right.keys():
        same("pieces", labels.get(order, order), places.get(order, 0), right.get(order, 0))
    count = QuotaCounter.objects.filter(sale_id=sale, quota__isnull=False).values_list("taken", flat=True).first()
    if count is not None:
        same("pieces in all", "sale", count, oracle.taken())
