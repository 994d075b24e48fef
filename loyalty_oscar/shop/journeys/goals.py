"""
Goals as a visitor sees them: a card each on the account page and after an order, and a sentence in the basket and on
the page of a product that counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.journeys.goal_words import asked, so_far
from loyalty_oscar.journeys.goals import Progress, Stamp
from loyalty_oscar.journeys.models import Goal, GoalStep
from loyalty_oscar.journeys.occasions import in_time
from loyalty_oscar.journeys.queries import counted_steps, goals_of, meant_then, names_of_sets
from loyalty_oscar.journeys.reaching import far
from loyalty_oscar.program import clock, contributions, money, words
from loyalty_oscar.program.abstract import ForWhom
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.registries import metrics

from ..orders import changes
from ..orders.facts import gather_basket, if_placed
from ..orders.product_sets import sets_shown
from ..storefront.visit import Visit, takes_part

Piece = tuple[str, Mapping[str, Any]]
#: What is counted of orders that are there alone: a basket has brought nothing yet.
OF_ORDERS = "points"


@dataclass(frozen=True, kw_only=True, slots=True)
class GoalCard:
    """
    A goal for one visitor: how far it is (`found`, in words `so_far`), what it asks for and brings, and until when.

    `reached` says how often it was reached, where that is news, and `now` what an order brought that reached it.
    """

    goal: Goal
    found: Progress
    so_far: str
    asked: str
    gift: str
    reached: str = ""
    now: str = ""
    until: tuple[str, ...] = ()

    @property
    def reward_code(self) -> str | None:
        """The code of the reward that it brings, where it brings one."""
        return self.goal.reward.code if self.goal.reward else None

    @property
    def is_done(self) -> bool:
        """Whether it was reached and does not come again."""
        return bool(self.found.times) and not self.goal.repeats


def cards(*, visit: Visit, at: datetime) -> list[GoalCard]:
    """
    Return the goals that orders placed now count for, as a visitor sees them; of strangers without any progress. One
    query where there are goals, and one where they are for levels or lists.
    """
    return _cards(visit, open_goals(visit=visit, at=at), at)


def _cards(visit: Visit, goals: Collection[Goal], at: datetime) -> list[GoalCard]:
    unit = visit.unit
    if unit is None or not goals:
        return []
    steps, names = steps_of(visit=visit, goals=goals), names_of_sets(goals=goals)
    return [_card(goal, far(goal=goal, steps=steps[goal.pk], at=at), unit, names) for goal in goals]


def open_goals(*, visit: Visit, at: datetime) -> list[Goal]:
    """Return the goals that an order of the visitor would count for now. No query where a program has no goal."""
    if visit.unit is None or not visit.is_earning:
        return []
    goals = [goal for goal in goals_of(program_id=visit.unit.program_id) if goal.is_on and in_time(dated=goal, at=at)]
    return [goal for goal in goals if is_meant(row=goal, visit=visit, at=at)]


def is_meant(*, row: ForWhom, visit: Visit, at: datetime) -> bool:
    """Return whether something is for the visitor; what is for a level or a group nobody else is told of."""
    if not row.rank and row.segment_id is None:
        return True
    return visit.member is not None and bool(meant_then(row=row, asked={(visit.member.pk, at)}))


def steps_of(*, visit: Visit, goals: Collection[Goal]) -> Mapping[int, list[Stamp]]:
    """Return what orders of the visitor count for goals, by goal; asked once a visit."""
    found: dict[int, list[Stamp]] = defaultdict(list)
    for step in _rows(visit, goals):
        found[step.goal_id].append(Stamp(at=step.placed_at, value=step.value))
    return found


def _rows(visit: Visit, goals: Collection[Goal]) -> list[GoalStep]:
    keys = [visit.member.pk] if visit.member else []
    return visit.once(key="goal-steps", load=lambda: counted_steps(goals=goals, member_ids=keys)) if keys else []


def _card(goal: Goal, found: Progress, unit: Unit, names: Mapping[str, str]) -> GoalCard:
    return GoalCard(
        goal=goal,
        found=found,
        so_far=so_far(goal=goal, found=found, unit=unit),
        asked=asked(goal=goal, names=[names.get(code, code) for code in goal.set_codes], unit=unit),
        gift=words.promised(unit=unit, row=goal),
        reached=_reached(goal, found),
        until=tuple(_until(goal, found)),
    )


def _reached(goal: Goal, found: Progress) -> str:
    if not found.times:
        return ""
    if not goal.repeats:
        return pgettext("loyalty", "Reached")
    text = npgettext("loyalty", "Reached %(count)s time", "Reached %(count)s times", found.times)
    return text % {"count": money.number(found.times)}


def _until(goal: Goal, found: Progress) -> Iterable[str]:
    zone = goal.program.time_zone
    if found.times and not goal.repeats:
        return  # There is nothing left to count.
    if found.until:
        text = pgettext("loyalty", "The first of these counts until %(day)s.")
        yield text % {"day": words.day(found.until, zone=zone)}
    if goal.ends_at:
        text = pgettext("loyalty", "Orders count until %(day)s.")
        yield text % {"day": words.last_day(goal.ends_at, zone=zone)}


@contributions.register("account:more", "goals", order=3)
def yours(*, subject: Unit, request: Any) -> Piece | None:
    """Return a card for each goal, on the account page of who takes part."""
    visit = request.loyalty
    found = cards(visit=visit, at=clock.now()) if takes_part(visit=visit) else []
    return ("loyalty/widgets/goals.html", {"cards": found}) if found else None


@contributions.register("product:earns", "goals", order=60)
def on_product(*, subject: Any, request: Any) -> Piece | None:
    """
    Return which goals a product counts for: of who takes part how far they are, of strangers what they ask for and
    give. No query for strangers, nor of a product that counts for none, but for product sets once a minute.
    """
    visit, at = request.loyalty, clock.now()
    goals = open_goals(visit=visit, at=at)
    counting = {goal.pk for goal in _counting(goals, subject)}
    if not counting:
        return None
    is_member = takes_part(visit=visit)
    shown = [card for card in _cards(visit, goals, at) if card.goal.pk in counting and not card.is_done]
    lines = [_counts_for(card, is_member) for card in shown]
    return ("loyalty/widgets/goals_product.html", {"lines": lines}) if lines else None


def _counting(goals: Iterable[Goal], product: Any) -> list[Goal]:
    """Return those of these goals that a product counts for, or one of its variants."""
    found = [goal for goal in goals if _is_of_products(goal)]
    codes = frozenset(code for goal in found for code in goal.set_codes)
    sets: frozenset[str] = frozenset()
    if codes:
        keys = [child.pk for child in product.get_public_children()] if product.is_parent else [product.pk]
        sets = sets.union(*sets_shown(product_ids=keys, codes=codes).values())
    return [goal for goal in found if not goal.set_codes or sets & set(goal.set_codes)]


def _is_of_products(goal: Goal) -> bool:
    """Return whether it matters to a goal what somebody buys, and not only how much of it or how often."""
    return goal.metric in metrics and hasattr(metrics.get(goal.metric), "least_sets")


def _counts_for(card: GoalCard, is_member: bool) -> str:
    told = {"name": card.goal.name, "part": card.so_far, "asked": card.asked, "gift": card.gift}
    if is_member:
        return pgettext("loyalty", "Counts for “%(name)s”. So far: %(part)s.") % told
    return pgettext("loyalty", "Counts for “%(name)s”: for %(asked)s you get %(gift)s.") % told


@contributions.register("basket:earns", "goals", order=50)
def nudge(*, subject: Any, request: Any) -> Piece | None:
    """Return how far the basket brings its owner to each goal that it counts for; nothing where it counts for none."""
    visit, at = request.loyalty, clock.now()
    if subject is None or subject.is_empty or not takes_part(visit=visit):
        return None
    goals = [goal for goal in open_goals(visit=visit, at=at) if goal.metric in metrics and goal.metric != OF_ORDERS]
    if not goals:
        return None
    steps, codes = steps_of(visit=visit, goals=goals), {code for goal in goals for code in goal.set_codes}
    purchase = gather_basket(basket=subject, set_codes=codes, at=at, is_first=False)
    order = if_placed(purchase=purchase, user_id=visit.user.pk, unit=visit.unit)
    said = []
    for goal in goals:
        value = metrics.get(goal.metric).values(orders=[order], members={}, params=goal.params)[0]
        before = far(goal=goal, steps=steps[goal.pk], at=at)
        after = far(goal=goal, steps=[*steps[goal.pk], Stamp(at=at, value=value)], at=at)
        if value and after != before:
            said.append(_with_it(goal, before, after, visit.unit))
    return ("loyalty/widgets/goals_basket.html", {"lines": said}) if said else None


def _with_it(goal: Goal, before: Progress, after: Progress, unit: Unit) -> str:
    told = {"name": goal.name, "gift": words.promised(unit=unit, row=goal)}
    if times := after.times - before.times:
        text = npgettext(
            "loyalty",
            "With this order you reach “%(name)s”: %(gift)s",
            "With this order you reach “%(name)s” %(times)s times: %(gift)s each time",
            times,
        )
        return text % {**told, "times": money.number(times)}
    told["part"] = so_far(goal=goal, found=after, unit=unit)
    return pgettext("loyalty", "“%(name)s” with this order: %(part)s") % told


@contributions.register("thank-you:more", "goals", order=5)
def thank_you(*, subject: Any, request: Any) -> Piece | None:
    """Return the cards of the goals that an order counts for, of its own customer."""
    visit, at = request.loyalty, clock.now()
    own = subject is not None and subject.user_id is not None and subject.user_id == getattr(visit.user, "pk", None)
    if not own or visit.member is None or not (goals := open_goals(visit=visit, at=at)):
        return None
    rows = _rows(visit, goals)
    counts = {step.goal_id for step in rows if step.order_id == subject.pk}
    found = [
        replace(card, now=_now(card, [step for step in rows if step.goal_id == card.goal.pk], subject.pk, at))
        for card in _cards(visit, goals, at)
        if card.goal.pk in counts
    ]
    return ("loyalty/widgets/goals.html", {"cards": found}) if found else None


def _now(card: GoalCard, rows: Iterable[GoalStep], order_id: int, at: datetime) -> str:
    """Return what an order brought by reaching a goal, or nothing."""
    steps = [Stamp(at=step.placed_at, value=step.value) for step in rows if step.order_id != order_id]
    times = card.found.times - far(goal=card.goal, steps=steps, at=at).times
    if times < 1:
        return ""
    text = npgettext(
        "loyalty",
        "You have reached it: %(gift)s. It is yours.",
        "You have reached it %(times)s times: %(gift)s each time. It is all yours.",
        times,
    )
    return text % {"gift": card.gift, "times": money.number(times)}


# Which goals are switched on is written down with an order.
changes.connect(sender=Goal)
