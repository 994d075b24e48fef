"""Rewards as a visitor sees them: the cards of the catalogue, one's own, and the ways to both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program import clock, contributions, money, words
from loyalty_oscar.program.levels import level_names
from loyalty_oscar.program.models import Program, Reward, Unit
from loyalty_oscar.program.registries import reward_kinds
from loyalty_oscar.program.worth import worth
from loyalty_oscar.redemption.claims import catalogue, claims_of, has_rewards, left_of, terms_of, wanting
from loyalty_oscar.redemption.currencies import by_currency, in_currency
from loyalty_oscar.redemption.kinds import CODE, PRODUCT, is_by_staff, is_for_baskets
from loyalty_oscar.redemption.models import Claim, Redemption
from loyalty_oscar.redemption.rules import Wanting, why_not
from loyalty_oscar.redemption.sentences import says_in
from loyalty_oscar.redemption.words import sentence

from ...storefront.visit import Visit, takes_part
from ..promise import rows_on
from .gifts import choices
from .in_basket import counts, currency_of, given_to
from .trying import said_of_delivery

State = Claim.State
#: So many are left at most where a card says how many.
FEW = 50
#: What the chip of one's own reward says, and how it looks.
CHIPS = {
    State.WAITS: (pgettext_lazy("loyalty", "On the way"), "way"),
    State.OPEN: (pgettext_lazy("loyalty", "Ready to use"), "ready"),
    State.ASKED: (pgettext_lazy("loyalty", "We are on it"), "way"),
    State.USED: (pgettext_lazy("loyalty", "Used"), "used"),
    State.OVER: (pgettext_lazy("loyalty", "Run out"), "out"),
    State.BACK: (pgettext_lazy("loyalty", "Taken back"), "back"),
}
#: What is still to be used, or waited for.
CURRENT = (State.WAITS, State.OPEN, State.ASKED)
#: So many of one's own stand on the account page, where no more of them end.
MOST_SHOWN = 3
#: Reasons that a card says in another way: by a bar, and by the level that it is for.
MISSING, NOT_FOR_YOU = "reward_points_missing", "reward_not_for_you"


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardCard:
    """
    A reward of the catalogue for one visitor: its price, what is left of it, until when, and whether it can be had.

    `refused` is why not, and `because` says so; `leaves` is what is ready afterwards, `percent` how much of the price
    there is, `few` how many there are where that is few, and `asks` the question of a service. `here` says what it does
    in the visitor's currency, where that is not the program's.
    """

    reward: Reward
    price: str
    left: str = ""
    until: str = ""
    for_whom: str = ""
    few: int | None = None
    refused: Because | None = None
    because: str = ""
    can_be_had: bool = False
    here: str = ""
    percent: int | None = None
    leaves: str = ""
    asks: str = ""

    @property
    def terms(self) -> str:
        """
        Return what it does to a basket and asks of one, or where its code can be used; nothing where its name says so.
        At most one query.
        """
        kind = self.reward.kind
        if kind not in reward_kinds or not (is_for_baskets(kind=kind) or kind == CODE):
            return ""
        said = reward_kinds.get(kind).says(params=self.reward.params, currency=self.reward.program.currency)
        return "" if said == self.reward.name else said

    @property
    def good_for(self) -> str:
        """Return how long it can be used once it is claimed; nothing where it has no end."""
        days = self.reward.valid_days
        if days is None:
            return ""
        text = npgettext("loyalty", "Good for %(days)s day once claimed.", "Good for %(days)s days once claimed.", days)
        return text % {"days": money.number(days)}


def cards(*, visit: Visit, at: datetime, basket: Any = None) -> list[RewardCard]:
    """
    Return the catalogue as a visitor with this `basket` sees it, the cheapest first; what is for a group only who is in
    it.
    """
    unit = visit.unit
    if unit is None:
        return []
    rewards = [one for one in catalogue(program=unit.program) if terms_of(reward=one).is_in_time(at=at)]
    left = left_of(rewards=rewards)
    wants = _wanting(visit, rewards, at)
    names = level_names(program_id=unit.program_id) if any(reward.rank for reward in rewards) else {}
    found = []
    for reward in rewards:
        who = wants.get(reward.pk)
        if reward.segment_id and (who is None or reward.segment_id not in who.segments):
            continue  # Nobody is told of what is for a group that they are not in.
        card = _card(reward, unit, who, left.get(reward.pk), names, at)
        found.append(replace(card, here=_here(reward, unit, currency_of(basket=basket))))
    return found


def _wanting(visit: Visit, rewards: Sequence[Reward], at: datetime) -> Mapping[int, Wanting]:
    """Return what the visitor wants each reward with; nothing of a stranger."""
    if visit.member is None:
        # Who joins with the first order has no points yet.
        return {reward.pk: Wanting() for reward in rewards} if takes_part(visit=visit) else {}
    stopped = None if visit.is_spending else Because("points_frozen" if visit.is_frozen else "not_now")
    return wanting(member=visit.member, account=visit.account, rewards=rewards, stopped=stopped, at=at)


def _card(
    reward: Reward, unit: Unit, who: Wanting | None, left: int | None, names: Mapping[int, str], at: datetime
) -> RewardCard:
    price = reward.price or 0
    because = _refused(reward, who, left, at)
    ready = who.ready if who else 0
    is_short = because is not None and because.code == MISSING
    return RewardCard(
        reward=reward,
        price=words.points(unit=unit, points=price),
        left=_left(left),
        until=_until(reward, unit.program),
        for_whom=_for_whom(names.get(reward.rank, "")),
        few=left if left is not None and left <= FEW else None,
        refused=because,
        because=_why(because, unit) if because else "",
        can_be_had=because is None and who is not None,
        percent=100 * ready // price if is_short and price else None,
        leaves=_worth_of(unit, ready - price),
        asks=str(reward.params.get("ask", "")),
    )


def _here(reward: Reward, unit: Unit, currency: str) -> str:
    """Return what is told of a reward for baskets for a currency that is not the program's, or that it does nothing."""
    own = unit.program.currency
    if currency in ("", own) or not is_for_baskets(kind=reward.kind):
        return ""
    if in_currency(params=reward.params, currency=currency, own=own) is None:
        return sentence(because=Because("reward_other_currency", currency=currency), unit=unit)
    is_told = currency in by_currency(params=reward.params, own=own)
    return says_in(reward=reward, currency=currency, own=own) if is_told else ""


def _is_closed(reward: Reward, unit: Unit, basket: Any) -> bool:
    """Return whether a reward cannot be used with what is in a basket, because of its currency."""
    currency = basket.currency if basket is not None and basket.pk is not None else None
    return in_currency(params=reward.params, currency=currency or "", own=unit.program.currency) is None


def _refused(reward: Reward, who: Wanting | None, left: int | None, at: datetime) -> Because | None:
    """Return why a visitor cannot have a reward now; of strangers only what holds for everybody."""
    if left is not None and left < 1:
        return Because("reward_gone")
    return why_not(reward=terms_of(reward=reward), who=who, at=at) if who else None


def _why(because: Because, unit: Unit) -> str:
    """Return why a reward cannot be had; for whom it is, its card says anyway."""
    return "" if because.code == NOT_FOR_YOU else sentence(because=because, unit=unit)


def _left(left: int | None) -> str:
    if left is None or not 0 < left <= FEW:
        return ""
    return npgettext("loyalty", "%(count)s left", "%(count)s left", left) % {"count": money.number(left)}


def _until(reward: Reward, program: Program) -> str:
    if reward.ends_at is None:
        return ""
    day = words.last_day(reward.ends_at, zone=program.time_zone)
    return pgettext("loyalty", "To be had until %(day)s.") % {"day": day}


def _for_whom(name: str) -> str:
    return pgettext("loyalty", "For members at %(tier)s or above.") % {"tier": name} if name else ""


def _worth_of(unit: Unit, points: int) -> str:
    if points < 0:
        return ""
    counted, value = words.points(unit=unit, points=points), worth(unit=unit, points=points)
    return f"{counted} ({value})" if value and not unit.is_money else counted


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """
    A reward that the visitor has or had: in which state, since when, until when, and what can be done with it.

    One for baskets `can_use`, a gift of several by its `choices` (key, name); `in_basket` it can be taken out, and
    `note` says why it takes nothing off there, or less. `here` as of `RewardCard`.
    """

    claim: Claim
    word: str
    look: str
    since: str
    until: str = ""
    paid: str = ""
    shows_code: bool = False
    code: str = ""
    where: str = ""
    can_ask: bool = False
    asks: str = ""
    can_use: bool = False
    choices: Sequence[tuple[int, str]] = ()
    in_basket: bool = False
    note: str = ""
    here: str = ""


def own(*, visit: Visit, basket: Any = None) -> list[Own]:
    """
    Return what the visitor has and had of rewards, newest first, and what lies in the visitor's `basket`. One query a
    visit, where there are any.
    """
    member, unit = visit.member, visit.unit
    if member is None or unit is None or not has_rewards(program=unit.program):
        return []
    claims = visit.once(key="claims", load=lambda: list(claims_of(member_id=member.pk)))
    return [_own(claim, unit, basket) for claim in claims]


def _own(claim: Claim, unit: Unit, basket: Any) -> Own:
    zone, (word, look) = unit.program.time_zone, CHIPS[State(claim.state)]
    code = getattr(claim, "code", None)
    is_open, is_code = claim.state == State.OPEN, claim.reward.kind == CODE
    can_use = is_open and is_for_baskets(kind=claim.reward.kind)
    row = row_of(basket=basket, claim=claim) if can_use else None
    note = note_of(basket=basket, row=row, unit=unit) if row else ""
    here = _here(claim.reward, unit, currency_of(basket=basket)) if can_use else ""
    is_closed = can_use and row is None and _is_closed(claim.reward, unit, basket)
    until = ""
    if claim.valid_until and claim.state in CURRENT:
        until = pgettext("loyalty", "Good until %(day)s") % {"day": words.last_day(claim.valid_until, zone=zone)}
    return Own(
        claim=claim,
        word=str(word) if row is None else pgettext("loyalty", "In your basket"),
        look=look,
        since=words.day(claim.got_at, zone=zone),
        until=until,
        paid=words.points(unit=unit, points=claim.paid) if claim.paid else "",
        shows_code=is_open and is_code,
        code=code.code if code and claim.state == State.USED else "",
        where=str(claim.reward.params.get("where", "")),
        can_ask=is_open and is_by_staff(kind=claim.reward.kind),
        asks=str(claim.reward.params.get("ask", "")),
        can_use=can_use and not is_closed,
        choices=_choices(claim, basket) if can_use and row is None and not is_closed else (),
        in_basket=row is not None,
        note=note,
        here="" if here == note else here,
    )


def _choices(claim: Claim, basket: Any) -> Sequence[tuple[int, str]]:
    """Return what a gift can be one of, where there are several; of those that are sold out none, where any is left."""
    if claim.reward.kind != PRODUCT or len(claim.reward.params.get("products") or ()) < 2:
        return ()
    found, strategy = choices(claim=claim), getattr(basket, "_strategy", None)
    there = [one for one in found if strategy and strategy.fetch_for_product(one).availability.is_available_to_buy]
    return [(product.pk, product.get_title()) for product in there or found]


def row_of(*, basket: Any, claim: Claim) -> Redemption | None:
    """Return where a claim lies in a basket, or None. No query once the basket's offers were applied."""
    if basket is None or basket.pk is None or basket.owner_id is None:
        return None
    return next((row for row in rows_on(basket=basket) if row.claim_id == claim.pk), None)


def note_of(*, basket: Any, row: Redemption, unit: Unit) -> str:
    """Return why a reward takes nothing off a basket, or less than it could."""
    if not counts(basket=basket, row=row):
        return sentence(because=Because("reward_not_open"), unit=unit)
    because = given_to(basket=basket).because.get(row.pk)
    if because is not None:
        return sentence(because=because, unit=unit)
    return pgettext("loyalty", "It counts once there is something in the basket.") if basket.is_empty else ""


@contributions.register("basket:totals", "rewards", order=5)
def in_basket(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the rewards that a member can use with this basket, and those that lie in it."""
    if subject is None or subject.is_empty or request.loyalty.member is None:
        return None
    shown = [row for row in own(visit=request.loyalty, basket=subject) if row.can_use or row.here]
    # What several of one reward do is tried once.
    distinct = {(row.claim.reward_id, row.in_basket): row for row in shown if row.can_use and not row.note}
    said = {key: _note_of_delivery(row, subject, request) for key, row in distinct.items()}
    rows = [replace(row, note=row.note or said.get((row.claim.reward_id, row.in_basket), "")) for row in shown]
    return ("loyalty/widgets/rewards_basket.html", {"rows": rows, "next": request.get_full_path()}) if rows else None


def _note_of_delivery(row: Own, basket: Any, request: Any) -> str:
    lies_here = row_of(basket=basket, claim=row.claim)
    return said_of_delivery(basket=basket, claim=row.claim, row=lies_here, request=request)


def split(rows: Iterable[Own]) -> tuple[list[Own], list[Own]]:
    """Return what is still to be used, what ends soonest first, with codes that were shown; and what is history."""
    current: list[Own] = []
    past: list[Own] = []
    for row in rows:
        (current if row.claim.state in CURRENT or row.code else past).append(row)
    current.sort(key=lambda row: (row.claim.valid_until is None, row.claim.valid_until or row.claim.got_at))
    return current, past


def is_open(*, visit: Visit) -> bool:
    """Return whether the shop of a visit has a catalogue; no query beside what is remembered."""
    return visit.unit is not None and bool(catalogue(program=visit.unit.program))


@contributions.register("account:tab", "rewards", order=10)
def tab(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the entry of the account navigation, where there are rewards, or the visitor had one."""
    is_shown = is_open(visit=request.loyalty) or own(visit=request.loyalty)
    return ("loyalty/widgets/rewards_tab.html", {}) if is_shown else None


@contributions.register("header:dot", "rewards")
def dot(*, subject: Visit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the dot on the badge, where the visitor can have a reward for the points that are ready."""
    is_near = subject.once(key="reward-in-reach", load=lambda: is_in_reach(visit=subject, at=clock.now()))
    return ("loyalty/widgets/reward_dot.html", {}) if is_near else None


def is_in_reach(*, visit: Visit, at: datetime) -> bool:
    """
    Return whether a visitor can have any reward now. No query, unless all that the points suffice for are limited: for
    a level, a group, by number or by codes.
    """
    if visit.unit is None or visit.account is None:
        return False
    near = [
        reward
        for reward in catalogue(program=visit.unit.program)
        if (reward.price or 0) <= visit.account.available and terms_of(reward=reward).is_in_time(at=at)
    ]
    rewards = [reward for reward in near if not _is_limited(reward)][:1] or near
    left, wants = left_of(rewards=rewards), _wanting(visit, rewards, at)
    return any(_refused(reward, wants[reward.pk], left.get(reward.pk), at) is None for reward in rewards)


def _is_limited(reward: Reward) -> bool:
    is_for_some = bool(reward.rank or reward.segment_id)
    return is_for_some or reward.quota is not None or reward.per_member is not None or reward.kind == CODE


@contributions.register("footer:links", "rewards", order=40)
def footer(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the way to the rewards, where there are any. No query for strangers."""
    return ("loyalty/widgets/footer_rewards.html", {}) if is_open(visit=request.loyalty) else None


@contributions.register("account:more", "rewards", order=5)
def yours(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return what the visitor has of rewards and can have now; asks nothing more where there are none."""
    visit = request.loyalty
    if visit.member is None:
        return None
    mine = own(visit=visit, basket=getattr(request, "basket", None))
    (current, past), shown = split(mine), cards(visit=visit, at=clock.now())
    if not (current or past or shown):
        return None
    return "loyalty/widgets/rewards.html", {"rows": _shown(current), "can": _can(shown), "next": _next(shown)}


def _shown(current: Sequence[Own]) -> list[Own]:
    """Return which of one's own stand on the account page: all that end, because a date that was seen there binds."""
    ending = sum(bool(row.until) for row in current)
    return list(current[: max(ending, MOST_SHOWN)])


def _can(shown: Sequence[RewardCard]) -> str:
    count = sum(card.can_be_had for card in shown)
    text = npgettext(
        "loyalty", "You can have %(count)s reward now.", "You can have one of %(count)s rewards now.", count
    )
    return text % {"count": money.number(count)} if count else ""


def _next(shown: Sequence[RewardCard]) -> str:
    """Return how far away the cheapest reward is that the visitor cannot have yet, for want of points."""
    return next((f"{card.reward.name}: {card.because}" for card in shown if card.percent is not None), "")


@contributions.register("profile:delete", "rewards", order=60)
def goes_too(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the rewards that a person loses with the profile. One query."""
    rows = Claim.objects.filter(member__user_id=subject.pk, member__merged_into=None, state__in=CURRENT)
    names = list(rows.order_by("pk").values_list("reward__name", flat=True))
    return ("loyalty/widgets/rewards_go.html", {"names": names}) if names else None
