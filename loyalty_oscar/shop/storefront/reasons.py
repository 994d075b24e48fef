"""Why orders bring what they bring, and what they are about to: features answer, pages and tags ask here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from loyalty_oscar.program.hooks import RAISE, Hook
from loyalty_oscar.program.models import Unit

from .promised import PromisedPart


class OrderReasons(Protocol):
    """Tells why orders brought what they brought."""

    def __call__(self, *, order_ids: Sequence[int], unit: Unit) -> Mapping[int, Any]:
        """Return the rows of the why, when it was placed, and how many days after delivery its points are ready."""
        ...


class Quoted(NamedTuple):
    """What an order is about to bring: points, ready so many days after delivery, and the parts beside them."""

    points: int = 0
    hold_days: int = 0
    parts: Sequence[PromisedPart] = ()


class OrderQuote(Protocol):
    """Tells what an order is about to bring."""

    def __call__(self, *, order: Any, request: Any) -> Quoted | None:
        """Return it; None for nothing."""
        ...


class ReasonWords(Protocol):
    """Says some reasons (key -> because as stored) with what only a feature knows."""

    def __call__(self, *, reasons: Mapping[int, Mapping[str, Any]]) -> Mapping[int, str]:
        """Return a sentence for those, by their keys."""
        ...


order_reasons: Hook[OrderReasons] = Hook("order_reasons", OrderReasons, on_error=RAISE)
order_quotes: Hook[OrderQuote] = Hook("order_quotes", OrderQuote, on_error=RAISE)
reason_words: Hook[ReasonWords] = Hook("reason_words", ReasonWords, on_error=RAISE)
#: The same in a few words that stand beside a number ("Priya's first order").
brief_reason_words: Hook[ReasonWords] = Hook("brief_reason_words", ReasonWords, on_error=RAISE)


def said_of(*, reasons: Mapping[int, Mapping[str, Any]], briefly: bool = False) -> dict[int, str]:
    """Return the sentences that features have for reasons, by key, where the code's own words are not enough."""
    hook = brief_reason_words if briefly else reason_words
    return {key: text for found in hook.answers(reasons=reasons) for key, text in found.items()}


def whys_of(*, order_ids: Sequence[int], unit: Unit) -> dict[int, Any]:
    """Return, for each order, why it brought what it brought, as the features tell it."""
    told = order_reasons.answers(order_ids=order_ids, unit=unit)
    return {order_id: why for found in told for order_id, why in found.items()}


def brings(*, order: Any, request: Any) -> Quoted:
    """Return what an order is about to bring, also a guest's, who could keep it."""
    told = [quote or Quoted() for quote in order_quotes.answers(order=order, request=request)]
    parts = [part for quote in told for part in quote.parts]
    days = max((quote.hold_days for quote in told), default=0)
    return Quoted(points=sum(quote.points for quote in told), hold_days=days, parts=parts)
