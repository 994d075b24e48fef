"""What segments by rule ask for, in words, and which product sets they name."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import pgettext

from .models import Segment
from .registries import traits

logger = logging.getLogger("loyalty_oscar")
#: Between the parts of a sentence, each of which may have commas.
BETWEEN = "; "


def said_of(*, asked: Sequence[Mapping[str, Any]], program_id: int) -> list[str]:
    """Return what is asked, each trait as a part of a sentence; one whose app has left by its code."""
    return [_said(one["trait"], one["params"], program_id) for one in asked]


def _said(code: str, params: Mapping[str, Any], program_id: int) -> str:
    if code not in traits:
        return pgettext("loyalty", "something that is not there any more (%(code)s)") % {"code": code}
    try:
        return str(traits.get(code).says(params=params, program_id=program_id))
    except Exception:
        # Of parameters that an older version of it left, say; on this page they can be typed anew.
        logger.exception("the trait %s cannot say what it asks", code)
        return pgettext("loyalty", "something that cannot be said now (%(code)s)") % {"code": code}


def sentence(*, asked: Sequence[Mapping[str, Any]], program_id: int) -> str:
    """Return who is in a segment by rule, as a sentence."""
    said = said_of(asked=asked, program_id=program_id)
    if not said:
        return pgettext("loyalty", "Nobody, as nothing is asked for.")
    return pgettext("loyalty", "Members of whom all of this is true: %(traits)s.") % {"traits": BETWEEN.join(said)}


def reads(*, segment: Segment) -> str:
    """Return who is in a segment, as a sentence for staff."""
    if segment.kind == Segment.Kind.LIST:
        return pgettext("loyalty", "Members whom somebody named one by one.")
    return sentence(asked=segment.traits, program_id=segment.program_id)


def set_codes_of(*, asked: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the codes of the product sets that are asked for."""
    for one in asked:
        trait: Any = traits.get(one["trait"]) if one["trait"] in traits else None
        if hasattr(trait, "set_codes"):
            yield from trait.set_codes(params=one["params"])
