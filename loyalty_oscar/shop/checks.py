"""System checks that need the shop: statuses that the pipeline does not know, or a final one that is not clear."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Warning, register

from loyalty_oscar.program.conf import LoyaltySettings, conf

from . import statuses


@register("loyalty")
def check_statuses(**kwargs: Any) -> list[Warning]:
    """Warn where the shop's order statuses and our settings do not fit."""
    pipeline, found = statuses.pipeline(), []
    if conf.READY_STATUS and pipeline and conf.READY_STATUS not in pipeline:
        found.append(
            Warning(
                f"LOYALTY_READY_STATUS is {conf.READY_STATUS!r}, which is no status of OSCAR_ORDER_STATUS_PIPELINE.",
                hint=f"Choose one of: {', '.join(pipeline)}.",
                id="loyalty_shop.W001",
            )
        )
    if pipeline and not conf.READY_STATUS and statuses.ready_status() is None:
        ends = ", ".join(statuses.candidates()) or "none"
        found.append(
            Warning(
                f"It is not clear after which order status the return period starts (open ends: {ends}).",
                hint="Set LOYALTY_READY_STATUS; until then points stay on the way.",
                id="loyalty_shop.W002",
            )
        )
    for name, known in (
        ("DEAD_STATUSES", pipeline),
        ("DEAD_LINE_STATUSES", getattr(settings, "OSCAR_LINE_STATUS_PIPELINE", {})),
    ):
        given = getattr(conf, name)
        unknown = [status for status in given if known and status not in known]
        if unknown and tuple(given) != getattr(LoyaltySettings(), name):
            found.append(
                Warning(
                    f"LOYALTY_{name} names {', '.join(unknown)}, which the shop's pipeline does not know.",
                    hint=f"It knows: {', '.join(known)}.",
                    id="loyalty_shop.W003",
                )
            )
    return found
