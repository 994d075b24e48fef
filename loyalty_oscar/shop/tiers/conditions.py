"""
Our condition on Oscar's own offer pages: one row for each level, kept in step with the ladder.

The shop picks "Members of level Gold or higher" where it makes an offer of any kind. `loyalty_uninstall` takes the
rows along, with the offers that stand on them, because Oscar's pages break on a class that is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connections
from django.db.models import QuerySet
from oscar.core.loading import get_model

from loyalty_oscar.program.db import write_db
from loyalty_oscar.tiers.models import Tier
from loyalty_oscar.tiers.signals import ladder_saved

from ..upkeep.setup import SetupResult, setup_steps
from ..upkeep.uninstall import uninstall_notes, uninstall_steps

#: For ever: Oscar's rows name it.
PROXY = "loyalty_oscar.shop.models.TierCondition"


def our_conditions() -> QuerySet[Any]:
    """Return the rows among Oscar's conditions that stand for levels."""
    return get_model("offer", "Condition").objects.using(write_db()).filter(proxy_class=PROXY).order_by("value", "pk")


def keep_in_step(**_signal: Any) -> int:
    """Make the rows of levels that have none; delete those of levels that are gone and no offer uses. Returns both."""
    wanted = set(Tier.objects.using(write_db()).values_list("rank", flat=True))
    there = {int(row.value or 1): row for row in our_conditions()}
    model, changed = get_model("offer", "Condition"), 0
    for rank in sorted(wanted - set(there)):
        model.objects.using(write_db()).create(proxy_class=PROXY, value=rank)
        changed += 1
    for rank, row in there.items():
        if rank not in wanted and not row.offers.using(write_db()).exists():
            row.delete()
            changed += 1
    return changed


ladder_saved.connect(keep_in_step, dispatch_uid="loyalty-tier-conditions")


@setup_steps.register("tiers", order=30)
def conditions(*, ready: SetupResult, at: datetime) -> None:
    """Put right what is missing among Oscar's conditions, where there are levels."""
    if keep_in_step():
        ready.made.append("A condition for each level among those of Oscar's offers")


@uninstall_notes.register("tiers")
def what_is_lost(*, names: list[str]) -> Iterator[str]:
    """Say before it happens which offers go with the levels."""
    if "tiers" in names and (offers := _offers().count()):
        yield f"Oscar's offers for levels: {offers}; they go, because nobody has a level any more"


@uninstall_steps.register("tiers")
def take_away(*, names: list[str]) -> Iterator[str]:
    """Remove our rows and the offers that stand on them: every basket would break on them without our code."""
    if not {"tiers", "shop"} & set(names) or not _migrated():
        return
    gone = _offers().count()
    _offers().delete()
    rows = our_conditions().count()
    our_conditions().delete()
    if gone or rows:
        yield f"conditions for levels: {rows} gone, offers that stood on them: {gone}"


def _offers() -> QuerySet[Any]:
    return get_model("offer", "ConditionalOffer").objects.using(write_db()).filter(condition__proxy_class=PROXY)


def _migrated() -> bool:
    condition = get_model("offer", "Condition")
    return condition._meta.db_table in connections[write_db()].introspection.table_names()
