"""System checks that need the shop: statuses that the pipeline does not know, or a final one that is not clear."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Warning, register

from loyalty_oscar.program import money
from loyalty_oscar.program.checks import are_sound
from loyalty_oscar.program.conf import LoyaltySettings, conf

from ..orders import statuses

#: Our settings of the shop's words for orders and lines.
WORDS = (
    *("READY_STATUS", "COUNTS_FROM_STATUS", "DEAD_STATUSES", "DEAD_LINE_STATUSES"),
    *("HARMLESS_STATUSES", "HARMLESS_LINE_STATUSES"),
)


@register("loyalty")
def check_currency(**kwargs: Any) -> list[Warning]:
    """Warn of a currency that nobody pays with, as far as we know: no program can be about it."""
    code = getattr(settings, "OSCAR_DEFAULT_CURRENCY", "EUR")
    if money.is_currency(code=code):
        return []
    text = f"OSCAR_DEFAULT_CURRENCY is {code!r}, which is no currency that people pay with."
    return [Warning(text, hint="Write a code of three capital letters such as EUR.", id="loyalty_shop.W008")]


@register("loyalty")
def check_statuses(**kwargs: Any) -> list[Warning]:
    """Warn where the shop's order statuses and our settings do not fit."""
    if not are_sound(*WORDS):
        return []
    pipeline, found = statuses.pipeline(), []
    if conf.READY_STATUS and pipeline and not statuses.is_among(word=conf.READY_STATUS, words=pipeline):
        found.append(
            Warning(
                f"LOYALTY_READY_STATUS is {conf.READY_STATUS!r}, which is no status of OSCAR_ORDER_STATUS_PIPELINE.",
                hint=f"Choose one of: {', '.join(pipeline)}.",
                id="loyalty_shop.W001",
            )
        )
    if statuses.is_ready_unclear():
        ends = ", ".join(statuses.candidates()) or "none"
        found.append(
            Warning(
                f"It is not clear after which order status the return period starts (open ends: {ends}).",
                hint="Set LOYALTY_READY_STATUS; until then everything stays on the way.",
                id="loyalty_shop.W002",
            )
        )
    living = [one for one in pipeline if not statuses.is_dead(status=one)]
    counting = conf.COUNTS_FROM_STATUS
    if counting and pipeline and not statuses.is_among(word=counting, words=living):
        found.append(
            Warning(
                f"LOYALTY_COUNTS_FROM_STATUS is {counting!r}, which no order that stands ever is: no level counts any.",
                hint=f"Choose one of: {', '.join(living)}.",
                id="loyalty_shop.W007",
            )
        )
    for name, known in (
        ("DEAD_STATUSES", pipeline),
        ("DEAD_LINE_STATUSES", statuses.line_pipeline()),
    ):
        given = getattr(conf, name)
        unknown = [status for status in given if known and not statuses.is_among(word=status, words=known)]
        if unknown and tuple(given) != getattr(LoyaltySettings(), name):
            found.append(
                Warning(
                    f"LOYALTY_{name} names {', '.join(unknown)}, which the shop's pipeline does not know.",
                    hint=f"It knows: {', '.join(known)}.",
                    id="loyalty_shop.W003",
                )
            )
    return found


@register("loyalty")
def check_questions(**kwargs: Any) -> list[Warning]:
    """Ask about each status that ends an order or a line, by name, where nobody said what it means."""
    ids = {False: "loyalty_shop.W005", True: "loyalty_shop.W006"}
    asked = statuses.questions() if are_sound(*WORDS) else ()
    return [Warning(one.text, hint=one.hint, id=ids[one.is_line]) for one in asked]
