"""What members see because they are in a segment: whether, why, and that no cache keeps it for somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.cache import patch_cache_control
from django.utils.translation import get_language, pgettext

from loyalty_oscar.program import clock
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Segment
from loyalty_oscar.program.queries import remembered, version_of
from loyalty_oscar.program.registries import fact_of
from loyalty_oscar.program.segment_rules import ALLOWS
from loyalty_oscar.program.segment_words import BETWEEN, said_of

from ..storefront.request_hooks import response_hooks
from ..storefront.visit import Visit


def segment_shown(*, visit: Visit, code: str) -> Segment | None:
    """
    Return the segment of this code, where the visitor is in it and allows personal content; from then on nobody keeps
    the page for others. No query for strangers; for members two at most, however often a page asks.
    """
    if visit.member is None:
        return None
    visit.is_for_one = True
    # Who caches a whole view asks before any middleware of ours has a say.
    visit.request._cache_update_cache = False
    held: Mapping[str, Segment] = visit.once(key="segments-shown", load=lambda: _held(visit))
    return held.get(code)


def _held(visit: Visit) -> dict[str, Segment]:
    member: Any = visit.member
    if not fact_of(name=ALLOWS, member_id=member.pk, at=clock.now()):
        return {}
    rows = Segment.objects.using(write_db()).filter(rows__member=member, rows__is_current=True)
    return {segment.code: segment for segment in rows.only("code", "kind", "traits", "program")}


def why_shown(*, segment: Segment) -> str:
    """Return why somebody who is in a segment sees what is for it (remembered)."""
    version = version_of(program_id=segment.program_id)
    return remembered(key=("segment-why", segment.pk, get_language()), version=version, load=lambda: _why(segment))


def _why(segment: Segment) -> str:
    if segment.kind == Segment.Kind.LIST:
        return pgettext("loyalty", "We chose the members who see this, and you are one of them.")
    said = BETWEEN.join(said_of(asked=segment.traits, program_id=segment.program_id))
    return pgettext("loyalty", "This is for members of whom all of this is true: %(traits)s.") % {"traits": said}


class ForOne:
    """Tells caches of a page that is for one member that nobody else may have it."""

    def is_due(self, *, request: Any) -> bool:
        return request.loyalty.is_for_one

    def act(self, *, request: Any, response: Any) -> None:
        patch_cache_control(response, private=True, no_store=True)


response_hooks.register("segments")(ForOne())
