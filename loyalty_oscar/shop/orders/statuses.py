"""
What the shop's own words for orders mean to us: when the return period starts, what is dead, what is nobody's concern.

Words compare without case, in any alphabet. Those that nobody explained are asked about by name (`questions`).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_uppercase
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower
from django.db.models.lookups import In
from oscar.core.loading import get_model

from loyalty_oscar.program.conf import conf

Words = Iterable[str]
#: How words for a payment begin, folded: in English, German, French, Spanish, Italian, Dutch, Polish, Russian.
PAYMENTS = (
    *("paid", "payment", "bezahl", "zahlung", "payé", "paiement", "pagad", "pagat", "pago", "betaa"),
    *("opłac", "płatno", "zapłac", "оплат", "оплач"),
)
#: The statuses of a pipeline, each with those that may follow it.
Pipeline = Mapping[str, tuple[str, ...]]


def fold(*, word: str) -> str:
    """Return a word as it is compared."""
    return unicodedata.normalize("NFC", word).casefold()


@lru_cache(maxsize=64)
def _folded(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(fold(word=word) for word in words)


def is_among(*, word: str, words: Words) -> bool:
    """Return whether a word is one of these, whatever its case."""
    return bool(word) and fold(word=word) in _folded(tuple(words))


@lru_cache(maxsize=64)
def _spellings(words: tuple[str, ...]) -> frozenset[str]:
    """Return the spellings in which a database is asked for these words: SQLite knows the case of ASCII only."""
    forms = {unicodedata.normalize(form, word) for word in words for form in ("NFC", "NFD")}
    return frozenset(
        spelled for one in forms for spelled in (one, one.lower(), one.upper(), one.capitalize(), one.title())
    )


class _Among(In):
    """`In`, whose words travel to PostgreSQL as one array: a statement of hundreds of parameters is taken apart anew
    each time, and that takes longer than its answer.
    """

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*parameters, list(self.rhs)]


def said(*, column: str, words: Words) -> Q:
    """Return the condition that a column holds one of these words, whatever its case."""
    spelled = sorted(_spellings(tuple(words)))
    # No database leaves a capital of ASCII in what it lowers.
    lowered = [one for one in spelled if not any(letter in ascii_uppercase for letter in one)]
    return Q(_Among(F(column), spelled)) | Q(_Among(Lower(F(column)), lowered))


def standing(*, orders: QuerySet[Any]) -> QuerySet[Any]:
    """Return those of the orders that did not come to nothing."""
    return orders.exclude(said(column="status", words=conf.DEAD_STATUSES))


def pipeline() -> dict[str, tuple[str, ...]]:
    """Return the shop's order statuses with those that may follow each; one that only follows is one, too."""
    return _whole(_given("OSCAR_ORDER_STATUS_PIPELINE", "Order"))


def line_pipeline() -> dict[str, tuple[str, ...]]:
    """Return the shop's line statuses with those that may follow each."""
    return _whole(_given("OSCAR_LINE_STATUS_PIPELINE", "Line"))


def _given(name: str, model: str) -> Mapping[str, Iterable[str]]:
    """Return the pipeline of the settings, or where those have none that of a fork of Oscar's model."""
    found = getattr(settings, name, None)
    return found if found is not None else getattr(get_model("order", model), "pipeline", None) or {}


def _whole(given: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    found = {status: tuple(following) for status, following in given.items()}
    for status in [status for following in found.values() for status in following]:
        found.setdefault(status, ())
    return found


def ends(*, statuses: Pipeline) -> list[str]:
    """Return the statuses of a pipeline that nothing follows, or only what came before (mistakes are taken back)."""
    start = _start(statuses)
    far = _distances(statuses, start)

    def is_back(status: str, following: str) -> bool:
        nearer = far.get(following, 0) < far.get(status, len(far))
        return nearer and status in _distances(statuses, following)

    return [status for status, following in statuses.items() if all(is_back(status, one) for one in following)]


def _start(statuses: Pipeline) -> str:
    """Return where orders begin: the shop's initial status, else the first of the pipeline."""
    first = getattr(settings, "OSCAR_INITIAL_ORDER_STATUS", "")
    return next((one for one in statuses if is_among(word=one, words=(first,))), next(iter(statuses), ""))


def _distances(statuses: Pipeline, start: str, without: str = "") -> dict[str, int]:
    """Return the statuses that an order may go through from one on, with the steps there; not through `without`."""
    found, open_ = {start: 0}, [start]
    for status in open_:
        for following in statuses.get(status, ()):
            if following not in found and following != without:
                found[following] = found[status] + 1
                open_.append(following)
    return found


def candidates() -> list[str]:
    """Return the ends of the pipeline that are neither dead nor harmless: where the return period may start."""
    known = (*conf.DEAD_STATUSES, *conf.HARMLESS_STATUSES)
    return [status for status in ends(statuses=pipeline()) if not is_among(word=status, words=known)]


def ready_status() -> str | None:
    """Return the status after which the return period runs; None = none, or more than one is left (a check asks)."""
    if conf.READY_STATUS:
        return next((one for one in pipeline() if is_among(word=one, words=(conf.READY_STATUS,))), conf.READY_STATUS)
    found = candidates()
    return found[0] if len(found) == 1 else None


def final_statuses() -> frozenset[str]:
    """Return the ready status and everything that may follow it, without the dead and what leads to it again."""
    return _final(_told())


def _told() -> Hashable:
    """Return what the settings say of statuses: what is worked out of it is kept as long as it is the same."""
    ours = (conf.READY_STATUS, *(tuple(words) for words in (conf.DEAD_STATUSES, conf.HARMLESS_STATUSES)))
    return tuple(pipeline().items()), getattr(settings, "OSCAR_INITIAL_ORDER_STATUS", ""), ours


@lru_cache(maxsize=16)
def _final(told: Hashable) -> frozenset[str]:
    start = ready_status()
    return frozenset() if start is None else _from(start)


def _from(start: str) -> frozenset[str]:
    """Return a status and everything that may follow it, without the dead and what comes before it, too."""
    known = pipeline()
    before = _distances(known, _start(known), without=start)
    alive = {one: tuple(f for f in following if not is_dead(status=f)) for one, following in known.items()}
    after = _distances(alive, start)
    return frozenset(one for one in after if one == start or one not in before or start not in _distances(known, one))


def counting_statuses() -> frozenset[str] | None:
    """Return the statuses in which orders count for levels; None = in any, from when they are placed."""
    start = conf.COUNTS_FROM_STATUS
    if not start:
        return None
    return _from(next((one for one in pipeline() if is_among(word=one, words=(start,))), start)) | final_statuses()


def payments() -> list[str]:
    """Return the statuses that seem to tell of a payment, in the languages that we know, without the dead."""
    return [
        status
        for status in pipeline()
        if not is_dead(status=status) and any(stem in fold(word=status) for stem in PAYMENTS)
    ]


def counts(*, status: str) -> bool:
    """Return whether an order of this status counts for levels."""
    known = counting_statuses()
    return known is None or is_among(word=status, words=known)


def earlier_statuses() -> frozenset[str]:
    """Return the statuses that say of an order that it is not final, or no more: a mistake was taken back."""
    return _earlier(_told())


@lru_cache(maxsize=16)
def _earlier(told: Hashable) -> frozenset[str]:
    first = getattr(settings, "OSCAR_INITIAL_ORDER_STATUS", "")
    known = (*final_statuses(), *conf.DEAD_STATUSES, *conf.HARMLESS_STATUSES)
    return frozenset(one for one in (*pipeline(), first) if one and not is_among(word=one, words=known))


def is_dead(*, status: str) -> bool:
    """Return whether an order of this status came to nothing."""
    return is_among(word=status, words=conf.DEAD_STATUSES)


def is_dead_line(*, status: str) -> bool:
    """Return whether all units of a line of this status came to nothing."""
    return is_among(word=status, words=conf.DEAD_LINE_STATUSES)


def is_known(*, status: str) -> bool:
    """Return whether the shop's settings or ours know an order status."""
    first = getattr(settings, "OSCAR_INITIAL_ORDER_STATUS", "")
    ours = (first, conf.READY_STATUS, *conf.DEAD_STATUSES, *conf.HARMLESS_STATUSES)
    return not status or is_among(word=status, words=(*pipeline(), *ours))


def is_known_line(*, status: str) -> bool:
    """Return whether the shop's settings or ours know a line status; a word for living orders is known for lines."""
    first = getattr(settings, "OSCAR_INITIAL_LINE_STATUS", "")
    living = [one for one in pipeline() if not is_dead(status=one)]
    ours = (first, *living, *conf.DEAD_LINE_STATUSES, *conf.HARMLESS_LINE_STATUSES)
    return not status or is_among(word=status, words=(*line_pipeline(), *ours))


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusQuestion:
    """A status that ends an order or a line, and nobody said what it means: `dead` or `harmless` would."""

    status: str
    is_line: bool

    @property
    def dead(self) -> str:
        """The setting for what came to nothing."""
        return "DEAD_LINE_STATUSES" if self.is_line else "DEAD_STATUSES"

    @property
    def harmless(self) -> str:
        """The setting for what means nothing to us."""
        return "HARMLESS_LINE_STATUSES" if self.is_line else "HARMLESS_STATUSES"

    @property
    def text(self) -> str:
        """What is the matter, in a sentence."""
        if self.is_line:
            return f"Nobody said what the line status {self.status!r} means: it ends a line, and its units still count."
        return f"Nobody said what the order status {self.status!r} means: it ends an order, which still counts."

    @property
    def hint(self) -> str:
        """What to do."""
        what = "such a line" if self.is_line else "such an order"
        return (
            f"Add it to LOYALTY_{self.dead} if {what} came to nothing, to LOYALTY_{self.harmless} if it is as well as"
            " before."
        )


def is_ready_unclear() -> bool:
    """Return whether the shop keeps statuses, and nobody knows after which one the return period starts."""
    return bool(pipeline()) and ready_status() is None


def questions() -> Iterator[StatusQuestion]:
    """
    Yield the ends of both pipelines that are neither ready nor known as dead or harmless.

    While it is not clear which order status is the ready one, that is asked first (`candidates`).
    """
    ready = ready_status()
    for status in candidates() if ready else ():
        if not is_among(word=status, words=(ready,)):
            yield StatusQuestion(status=status, is_line=False)
    known = (*final_statuses(), *conf.HARMLESS_STATUSES, *conf.DEAD_LINE_STATUSES, *conf.HARMLESS_LINE_STATUSES)
    for status in ends(statuses=line_pipeline()):
        if not is_among(word=status, words=known):
            yield StatusQuestion(status=status, is_line=True)


def lines(
    *, dead: Iterable[StatusQuestion] = (), harmless: Iterable[StatusQuestion] = (), ready: str = ""
) -> list[str]:
    """Return the lines of the settings that answer questions: what is set and known to the shop stays in them."""
    found: dict[str, list[str]] = {}
    for question, name in [*((one, one.dead) for one in dead), *((one, one.harmless) for one in harmless)]:
        known = line_pipeline() if question.is_line else pipeline()
        there = [status for status in getattr(conf, name) if is_among(word=status, words=known)]
        found.setdefault(name, there).append(question.status)
    texts = [f"LOYALTY_{name} = ({', '.join(map(_quoted, words))},)" for name, words in found.items()]
    return [f"LOYALTY_READY_STATUS = {_quoted(ready)}", *texts] if ready else texts


def _quoted(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)
