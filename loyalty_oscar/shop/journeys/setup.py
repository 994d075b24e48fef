"""The ready campaigns, where somebody chose them as the program was set up."""

from __future__ import annotations

from datetime import datetime

from loyalty_oscar.journeys.ready import READY, add_ready

from ..upkeep.setup import SetupResult, setup_steps


@setup_steps.register("journeys-ready", order=60)
def campaigns(*, ready: SetupResult, at: datetime) -> None:
    """Add the ready campaigns that are missing, switched off but for those that were chosen."""
    if not ready.choices.has_campaigns:
        return
    made = add_ready(unit=ready.unit, at=at, on=ready.choices.campaigns)
    for how, is_on in (("switched on", True), ("switched off", False)):
        if some := [one.code for one in made if one.is_on == is_on]:
            ready.made.append(f"{len(some)} campaigns, {how}: {', '.join(some)}")
    if len(made) < len(READY):
        ready.there.append("Campaigns")
