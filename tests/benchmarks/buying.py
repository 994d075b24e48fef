"""
How the customers of CDNOW buy, counted by us and by SQL written by hand; and how well our rule tells who has left.

A part of `make cdnow`. The rule looks at the first 39 weeks, and what it says is held against the next 39, beside
BG/NBD as `lifetimes` fits it. `tests/integration/people/test_against_sql.py` counts a few customers in each
`make test`.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import django

from tests.benchmarks.board import Board, timed
from tests.benchmarks.cdnow import a_database, load, purchases

BEGIN = datetime(1997, 1, 1, tzinfo=UTC)
#: The end of the weeks that the rule sees, and of those that it is held against.
SEEN, END = BEGIN + timedelta(weeks=39), BEGIN + timedelta(weeks=78)
Row = tuple[str, datetime, int, Decimal]

RECEIPTS = """
SELECT o.id, 'u:' || o.user_id, m.id, o.date_placed, 'USD',
       sum(round(l.line_price_before_discounts_incl_tax * 100))::bigint,
       sum(round(l.line_price_incl_tax * 100))::bigint, sum(l.quantity)::int,
       row_number() OVER (PARTITION BY o.user_id ORDER BY o.date_placed, o.id) = 1
FROM order_order o JOIN order_line l ON l.order_id = o.id JOIN loyalty_program_member m ON m.user_id = o.user_id
GROUP BY o.id, m.id
"""
OUR_RECEIPTS = """
SELECT order_id, buyer, member_id, placed_at, currency, goods_minor, paid_minor, pieces, is_first
FROM loyalty_people_receipt WHERE NOT is_gone
"""
ORDERS = """
SELECT m.id AS member, o.date_placed AS at, round(o.total_incl_tax * 100)::bigint AS paid,
       lag(o.date_placed) OVER mine AS before, count(*) OVER (PARTITION BY m.id) AS orders,
       row_number() OVER (PARTITION BY m.id ORDER BY o.date_placed DESC, o.id DESC) AS back
FROM order_order o JOIN loyalty_program_member m ON m.user_id = o.user_id
WINDOW mine AS (PARTITION BY m.id ORDER BY o.date_placed, o.id)
"""
#: The rhythm of each, that of all others where there is none, and one and a half times that within 30 and 400 days.
BUYERS = f"""
WITH o AS ({ORDERS}),
gaps AS (SELECT member, floor(extract(epoch FROM at - before) / 86400 + 0.5) AS gap FROM o
         WHERE before IS NOT NULL AND back <= 12 AND orders >= 3),
own AS (SELECT member, percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) AS gap FROM gaps GROUP BY member),
whole AS (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY floor(gap + 0.5)) AS gap FROM own)
SELECT o.member, count(*)::int, sum(o.paid)::bigint, max(o.paid), min(o.at), max(o.at), floor(own.gap + 0.5)::int,
       max(o.at) + least(greatest(1.5 * coalesce(own.gap, whole.gap), 30), 400) * interval '1 day'
FROM o LEFT JOIN own ON own.member = o.member CROSS JOIN whole
GROUP BY o.member, own.gap, whole.gap
"""
OUR_BUYERS = """
SELECT member_id, orders, spend_minor, biggest_minor, first_at, last_at, gap_days, late_at
FROM loyalty_people_buyerstats
"""
CELLS = f"""
WITH b AS (SELECT member, max(at) AS last, count(*) AS orders, sum(paid) AS spent FROM ({ORDERS}) o GROUP BY member)
SELECT member, 1 + 5 * (rank() OVER (ORDER BY last) - 1) / count(*) OVER (),
       1 + 5 * (rank() OVER (ORDER BY orders) - 1) / count(*) OVER (),
       1 + 5 * (rank() OVER (ORDER BY spent) - 1) / count(*) OVER ()
FROM b
"""


def a_shop(rows: Sequence[Row]):
    """The shop of CDNOW, whose customers are all members since their first order; returns its program."""
    from oscar.core.loading import get_model

    from loyalty_oscar.program.operations import join_many
    from loyalty_oscar.testing import a_program

    load(rows)
    unit = a_program(currency="USD", live_from=BEGIN - timedelta(days=1))
    orders = get_model("order", "Order").objects.order_by("-date_placed")
    join_many(program=unit.program, joined_at=dict(orders.values_list("user_id", "date_placed")))
    return unit.program


def fill(at: datetime) -> int:
    """Write the receipts and count the members, as the night does; returns how many receipts."""
    from loyalty_oscar.people.buyers import count_changed
    from loyalty_oscar.shop.people.filling import fill as filled
    from loyalty_oscar.testing import clock

    with clock.at(at):
        written = sum(filled(at=at))
        list(count_changed(since=None, at=at))
    return written


def asked(sql: str) -> set[tuple]:
    """The rows of a question, each once."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
        return set(cursor.fetchall())


def differences(program, at: datetime) -> Iterator[tuple[str, int, int]]:
    """What was compared with SQL written by hand: how many rows there are, and how many of them differ."""
    from loyalty_oscar.program.registries import traits

    for what, ours, meant in (("receipts", OUR_RECEIPTS, RECEIPTS), ("buyers", OUR_BUYERS, BUYERS)):
        found, by_hand = asked(ours), asked(meant)
        yield what, len(by_hand), len(found ^ by_hand)
    whole = {"program_id": program.pk, "at": at, "after": 0, "last": 2**62}
    cells = list(asked(CELLS))
    for place, name in enumerate(("recency", "frequency", "money"), 1):
        for score in range(1, 6):
            meant = {row[0] for row in cells if row[place] == score}
            holders = set(traits.get("cell").holders(params={name: [score]}, **whole))
            yield f"{name} {score}", len(meant), len(holders ^ meant)
    late = {row[0] for row in asked(BUYERS) if row[-1] <= at}
    yield "late", len(late), len(set(traits.get("late").holders(params={}, **whole)) ^ late)


def split(rows: Sequence[Row]) -> tuple[dict[str, list[datetime]], set[str]]:
    """What each customer ordered in the weeks that are seen, and who ordered in those after them."""
    seen: dict[str, list[datetime]] = {}
    for customer, at, _units, _dollars in sorted(rows, key=lambda row: row[1]):
        if at < SEEN:
            seen.setdefault(customer, []).append(at)
    return seen, {customer for customer, at, _units, _dollars in rows if SEEN <= at < END}


def waits(seen: dict[str, list[datetime]]) -> dict[str, float]:
    """How long each customer has been missed at the end of the weeks that are seen, by our rule: 1 is on the day."""
    from loyalty_oscar.kernel.rounding import half_up
    from loyalty_oscar.people.rules import median, patience, usual_gap

    own = {customer: usual_gap(placed=days) for customer, days in seen.items()}
    others = median(counts=Counter(half_up(exact=gap) for gap in own.values() if gap is not None))
    return {
        customer: (SEEN - days[-1]) / patience(gap=others if own[customer] is None else own[customer])
        for customer, days in seen.items()
    }


def alive(seen: dict[str, list[datetime]]) -> dict[str, float]:
    """How likely each customer is there still at that end, by BG/NBD: orders of one day are one, weeks are its time."""
    from lifetimes import BetaGeoFitter

    week = timedelta(weeks=1)
    days = {customer: sorted({at.date() for at in orders}) for customer, orders in seen.items()}
    frequency = [len(some) - 1 for some in days.values()]
    recency = [(some[-1] - some[0]) / week for some in days.values()]
    age = [(SEEN.date() - some[0]) / week for some in days.values()]
    model = BetaGeoFitter(penalizer_coef=0.0)
    model.fit(frequency, recency, age)
    found = model.conditional_probability_alive(frequency, recency, age)
    return dict(zip(days, map(float, found), strict=True))


def separation(scores: dict[str, float], back: set[str]) -> float:
    """
    How often somebody who came back scores lower than somebody who did not (the area under the ROC curve; 0.5 is
    chance). Ties count half.
    """
    ranked = sorted(scores.items(), key=lambda one: one[1])
    total, place = 0.0, 0
    while place < len(ranked):
        tied = place
        while tied < len(ranked) and ranked[tied][1] == ranked[place][1]:
            tied += 1
        total += (place + tied + 1) / 2 * sum(customer in back for customer, _score in ranked[place:tied])
        place = tied
    came = sum(customer in back for customer in scores)
    stayed = len(scores) - came
    return 1 - (total - came * (came + 1) / 2) / (came * stayed)


def fit(board: Board, rows: Sequence[Row]) -> None:
    """Print what the rule says of the weeks that it does not see, and what BG/NBD says of the same customers."""
    seen, back = split(rows)
    scores = waits(seen)
    try:
        lives = alive(seen)
    except ImportError:
        lives = {}
        board.say("BG/NBD", "lifetimes is not installed: it comes with the extra `cdnow`")
    for least, who in ((1, "all"), (3, "with a rhythm of their own")):
        some = {customer: scores[customer] for customer, days in seen.items() if len(days) >= least}
        late = [customer for customer, wait in some.items() if wait >= 1]
        _said(board, f"{who}: by our rule", some, late, back)
        if lives:
            ranked = sorted(some, key=lambda customer: lives[customer])[: len(late)]
            gone = {customer: 1 - lives[customer] for customer in some}
            _said(board, f"{who}: as many by BG/NBD", gone, ranked, back)


def _said(board: Board, what: str, scores: dict[str, float], late: list[str], back: set[str]) -> None:
    rest = scores.keys() - late
    shares = (100 * len(back & set(some)) / max(1, len(some)) for some in (late, rest))
    came, stayed = (f"{share:.1f} %" for share in shares)
    figure = f"{len(late):,} of {len(scores):,} missed, {came} of them ordered again, {stayed} of the others"
    board.say(what, f"{figure}; separation {separation(scores, back):.3f}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.buying", description=__doc__)
    parser.add_argument("--first", type=int, help="so many orders only")
    given = parser.parse_args(arguments)
    django.setup()
    board = Board("CDNOW: how its customers buy")
    for _database in a_database():
        rows = purchases(given.first)
        program = a_shop(rows)
        with timed() as watch:
            written = fill(END)
        board.say("receipts written, members counted", f"{written:,} in {watch.seconds:.1f} s")
        for what, number, wrong in differences(program, END):
            board.promise(f"{what}: as SQL says", kept=not wrong, figure=f"{number:,}")
        fit(board, rows)
    board.leave()


if __name__ == "__main__":
    main()
