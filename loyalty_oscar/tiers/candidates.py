"""
Who may have to move: the database sums what orders count and compares it with where members stand.

It leaves out only those of whom the sums alone say that `rules.decide` would not move them; the rules decide.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connections

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member

from . import rules
from .models import Ladder, Score, Standing
from .queries import given_within, rules_of

#: One statement in SQL that every database knows. It sums, and turns sums into ranks, before it joins: the other way
#: round takes four times as long.
STATEMENT = """
SELECT r.member FROM (
  SELECT m.id AS member, CASE WHEN n.rank > {base} THEN n.rank ELSE 0 END AS stands, n.starts_at AS began,
    n.kept_until AS kept, n.is_counted AS counted, n.is_strict AS strict, {ranks}
  FROM {members} m
  LEFT JOIN (
    SELECT member_id, {sums} FROM {scores} WHERE member_id > %s AND member_id <= %s AND {since} GROUP BY member_id
  ) s ON s.member_id = m.id
  LEFT JOIN {standings} n ON n.member_id = m.id AND n.is_current
  WHERE m.id > %s AND m.id <= %s AND m.program_id = %s AND m.merged_into_id IS NULL
) r WHERE {moves}
"""
Piece = tuple[str, list[Any]]
Bounds = tuple[datetime | None, datetime | None]


def candidates(*, ladder: Ladder, after: int, last: int, at: datetime) -> list[int]:
    """
    Return who among the members from one key (exclusive) to another may have to move, by key. Two queries.

    Whose orders carry a higher level, or the same one for longer, or this one no more; whose date and grace are over,
    of a strict level its date alone; and whom staff gave a level. The date of a level in the rolling window moves with
    each order, which settles its member at once, so here it is looked at only when it has come.
    """
    connection = connections[write_db()]
    law = rules_of(ladder=ladder)
    spans = rules.carrying(window=law.window, at=at, zone=law.zone)
    older = rules.carried(ladder=law, at=at)
    asked = [*spans, *older]
    whole = asked[-1][0], asked[0][1]
    sums = [_rank(n, _within(span, whole), law) for n, span in enumerate(asked)]
    since, moves = _placed(whole), _moves(spans, older, law, at)
    text = STATEMENT.format(
        base=law.base,
        **{name: connection.ops.quote_name(model._meta.db_table) for name, model in TABLES.items()},
        ranks=", ".join(f"COALESCE(s.rank{n}, 0) AS rank{n}" for n in range(len(asked))),
        sums=", ".join(text for text, _moments in sums),
        since=since[0],
        moves=moves[0],
    )
    values = [
        *(moment for _text, moments in sums for moment in moments), after, last, *since[1],
        after, last, ladder.program_id, *moves[1],
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(text, [_adapted(value, connection) for value in values])
        found = {member_id for (member_id,) in cursor.fetchall()}
    return sorted(found | given_within(ladder=ladder, after=after, last=last, at=at))


TABLES = {"members": Member, "scores": Score, "standings": Standing}


def _adapted(value: Any, connection: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def _placed(span: Bounds) -> Piece:
    """Return the condition that an order was placed in a span."""
    bounds = zip(("placed_at >= %s", "placed_at < %s"), span, strict=True)
    known = [(text, moment) for text, moment in bounds if moment]
    return " AND ".join(text for text, _moment in known) or "1 = 1", [moment for _text, moment in known]


def _within(span: rules.Carrying, whole: Bounds) -> Bounds:
    """Return the bounds of a span that those of all spans do not ask for already."""
    return span[0] if span[0] != whole[0] else None, span[1] if span[1] != whole[1] else None


def _rank(n: int, span: Bounds, law: rules.LadderTerms) -> Piece:
    """Return the rank that the orders of a span carry."""
    where, moments = _placed(span)
    known = [(rank, threshold) for rank, threshold in enumerate(law.thresholds, start=1) if threshold]
    if not known:
        return f"0 AS rank{n}", []
    steps = sorted(known, reverse=True)
    value = f"SUM(CASE WHEN {where} THEN value ELSE 0 END)"
    cases = " ".join(f"WHEN {value} >= {threshold:d} THEN {rank:d}" for rank, threshold in steps)
    return f"CASE {cases} ELSE 0 END AS rank{n}", moments * len(steps)


def _moves(spans: list[rules.Carrying], older: list[rules.Carrying], law: rules.LadderTerms, at: datetime) -> Piece:
    """Return what `rules.decide` asks of sums, standing and date, without what it asks of each order."""
    if law.window == rules.MEMBER_YEAR:
        # Everybody's year is another: whoever stands anywhere is looked at.
        return "rank0 > stands OR stands > 0", []
    up = [f"rank{n} > stands" for n in range(len(spans))]
    less = " AND ".join(f"rank{n} < stands" for n in range(len(spans)))
    # What was ordered before a standing began no longer says that it was carried.
    lost = f"counted AND (rank{len(spans)} < stands OR began >= %s)" if older else "counted"
    kept, moments = _longer(spans, law, at)
    text = " OR ".join([*up, *kept, f"({less} AND (kept <= %s OR (strict AND kept <= %s) OR ({lost})))"])
    dates = [at - timedelta(days=law.grace_days), at]
    return text, [*moments, *dates, *(until for _start, _end, until in older)]


def _longer(spans: list[rules.Carrying], law: rules.LadderTerms, at: datetime) -> tuple[list[str], list[datetime]]:
    """Return when the level stays and its date moves."""
    if law.window == rules.LIFETIME:
        return ["(stands > 0 AND rank0 = stands AND kept IS NOT NULL)"], []
    dates = [until or at + timedelta(microseconds=1) for _start, _end, until in spans]
    text = "(stands > 0 AND rank{n} = stands AND (kept IS NULL OR kept < %s))"
    return [text.format(n=n) for n in range(len(spans))], dates
