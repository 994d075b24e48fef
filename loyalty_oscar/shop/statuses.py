"""What the shop's own words for orders mean to us: when the return period starts, and what is dead."""

from __future__ import annotations

from django.conf import settings

from loyalty_oscar.program.conf import conf


def pipeline() -> dict[str, tuple[str, ...]]:
    """Return the shop's order statuses with those that may follow each."""
    return dict(getattr(settings, "OSCAR_ORDER_STATUS_PIPELINE", {}))


def candidates() -> list[str]:
    """Return the ends of the pipeline that are not dead: where the return period may start."""
    return [status for status, following in pipeline().items() if not following and status not in conf.DEAD_STATUSES]


def ready_status() -> str | None:
    """Return the status after which the return period runs; None = none, or more than one is left (a check asks)."""
    if conf.READY_STATUS:
        return conf.READY_STATUS
    ends = candidates()
    return ends[0] if len(ends) == 1 else None


def final_statuses() -> frozenset[str]:
    """Return the ready status and everything that may follow it, without the dead."""
    start = ready_status()
    if start is None:
        return frozenset()
    found, open_ = {start}, [start]
    following = pipeline()
    while open_:
        for status in following.get(open_.pop(), ()):
            if status not in found and status not in conf.DEAD_STATUSES:
                found.add(status)
                open_.append(status)
    return frozenset(found)


def is_dead(*, status: str) -> bool:
    """Return whether an order of this status came to nothing."""
    return status in conf.DEAD_STATUSES
