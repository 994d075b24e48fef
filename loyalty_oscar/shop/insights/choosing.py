"""What ready programs would have cost, where staff choose one: on the orders of the last twelve months, or a basket."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.insights.laws import can_try, law_of
from loyalty_oscar.insights.trial_tables import found_of
from loyalty_oscar.kernel.facts import LineFacts, OrderFacts, Purchase
from loyalty_oscar.program import money, words
from loyalty_oscar.program.worth import worth

from ..upkeep.presets import PIECE
from ..upkeep.setup import SetupResult, coin
from ..upkeep.wizard import PresetCost, preset_costs
from .trials import sketch

MONTHS, PIECES = 12, 2


@preset_costs.register("insights")
def costs(*, drafts: Sequence[SetupResult], at: datetime) -> tuple[str, Sequence[PresetCost]]:
    """Return what drafts would have cost; in a shop without orders, what an example basket would bring."""
    if not can_try() or not drafts:
        return "", [PresetCost() for _draft in drafts]
    trial = sketch(units=[draft.unit for draft in drafts], months=MONTHS, at=at)
    if not trial.total:
        text = pgettext(
            "loyalty", "There are no orders of customers with an account yet, so here is what an example would bring."
        )
        return text, [_example(draft, at) for draft in drafts]
    text = npgettext(
        "loyalty",
        "Tried on %(orders)s of the %(total)s orders that customers with an account placed in the last 12 months.",
        "Tried on %(orders)s of the %(total)s orders that customers with an account placed in the last 12 months.",
        trial.total,
    )
    if trial.done == trial.total:
        text = npgettext(
            "loyalty",
            "Tried on the one order that a customer with an account placed in the last 12 months.",
            "Tried on all %(total)s orders that customers with an account placed in the last 12 months.",
            trial.total,
        )
    told = {"orders": money.number(trial.done), "total": money.number(trial.total)}
    results = (found_of(trial=trial, unit=draft.unit) for draft in drafts)
    return text % told, [PresetCost(figures=one.costs(), sentences=one.sentences) for one in results]


def _example(draft: SetupResult, at: datetime) -> PresetCost:
    """Return what the first basket of somebody would bring, by the same rules."""
    program, unit = draft.program, draft.unit
    minor = PIECES * PIECE * coin(currency=program.currency)
    line = LineFacts(line_id=1, quantity=PIECES, paid_minor=minor, paid_excl_minor=minor)
    bought = Purchase(currency=program.currency, placed_at=at, lines=(line,), is_first=True)
    order = OrderFacts(
        order_id=1, number="1", site_id=None, user_id=1, status="", dead=False, final_at=None, purchase=bought
    )
    law = law_of(unit=unit, at=at, share=0).law
    facts = law.climber().facts(at=at) if law.climber else {}
    points = law.earner().brings(order=order, facts=facts)
    told = {
        "amount": money.in_words(minor=minor, currency=program.currency),
        "pieces": money.number(PIECES),
        "points": words.points(unit=unit, points=points),
        "worth": worth(unit=unit, points=points),
    }
    text = pgettext("loyalty", "A first basket of %(pieces)s pieces for %(amount)s brings %(points)s.")
    if told["worth"]:
        text = pgettext(
            "loyalty", "A first basket of %(pieces)s pieces for %(amount)s brings %(points)s, worth %(worth)s."
        )
    return PresetCost(sentences=[text % told])
