"""
`make trial`: what a point for each dollar would have cost CDNOW, tried on all 69,659 orders.

CDNOW_FILE names the file. Nothing is written: the database is there for the program and its rule alone.
"""

import sys
import time
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import groupby

import django

from tests.benchmarks.board import Board, timed
from tests.benchmarks.cdnow import a_database, purchases

AIM, POINTS = 5000, 2_453_159
END = datetime(1998, 7, 1, tzinfo=UTC)
#: Ends of months at which it is foretold what is owed six months later.
FORETOLD = (date(1997, 6, 30), date(1997, 9, 30), date(1997, 12, 31))


def customers(rows: Sequence[tuple]) -> Iterator[list]:
    """Yield the orders of each customer, as a shop gathers them; `rows` come by customer, as in the file."""
    from loyalty_oscar.insights.trial import Past
    from loyalty_oscar.kernel.facts import LineFacts, OrderFacts, Purchase
    from loyalty_oscar.kernel.rounding import to_minor

    number = 0
    for customer, own in groupby(rows, key=lambda row: row[0]):
        orders = []
        for _customer, at, pieces, dollars in own:
            number += 1
            line = LineFacts(line_id=1, quantity=pieces, paid_minor=to_minor(amount=dollars))
            bought = Purchase(currency="USD", placed_at=at, lines=(line,), is_first=not orders)
            orders.append(
                Past(
                    order=OrderFacts(
                        order_id=number, number=str(number), site_id=1, user_id=customer, status="Delivered",
                        dead=False, final_at=at, purchase=bought,
                    )
                )
            )  # fmt: skip
        yield orders


def tried(rows: Sequence[tuple], law, until: datetime):
    """Play all of them; returns the trial."""
    from loyalty_oscar.insights.trial import Play

    trial = Play(law=law, until=until, zone="UTC")
    for orders in customers(rows):
        trial.play(orders=orders)
    return trial


def peak_of(rows: Sequence[tuple], law) -> int:
    """Return the most memory that a trial of these holds (bytes)."""
    tracemalloc.start()
    try:
        tried(rows, law, END)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def foretell(board: Board, rows: Sequence[tuple], law, whole: Mapping[str, int]) -> None:
    from loyalty_oscar.insights.trial import AHEAD, UseWay, forecast, months_of
    from loyalty_oscar.kernel.periods import add_months, end_of_month, start_of_day

    for day in FORETOLD:
        then = end_of_month(day=add_months(day=day.replace(day=1), months=AHEAD))
        sums = tried(rows, law, start_of_day(day=add_months(day=day.replace(day=1), months=1), zone="UTC")).sums
        for way in UseWay:
            said = forecast(sums=sums, way=way, share=law.share, last=day)
            owed = months_of(sums=whole, way=way, first=date(1997, 1, 1), last=then)[-1].owed
            off = f"{100 * (said - owed) / owed:+.1f} %" if owed else "-"
            board.say(f"owed at {then}, foretold at {day}, {way}", f"{said:,} for {owed:,}, off by {off}")


def main() -> None:
    rows = sorted(purchases(None))
    django.setup()
    for _database in a_database():
        from loyalty_oscar.insights.laws import law_of
        from loyalty_oscar.insights.trial import Play
        from loyalty_oscar.testing import a_program

        board = Board("trial: a point for each dollar on all orders of CDNOW")
        law = law_of(unit=a_program(currency="USD", live_from=END), at=END, share=60).law
        everybody = list(customers(rows))
        trial, here = Play(law=law, until=END, zone="UTC"), time.process_time()
        with timed() as watch:
            for orders in everybody:
                trial.play(orders=orders)
        here = time.process_time() - here
        given = sum(number for key, number in trial.sums.items() if key.endswith(" given"))
        speed = len(rows) / here
        board.promise("points given", kept=given == POINTS, figure=f"{given:,}")
        board.promise(f"orders/s of CPU, at least {AIM:,}", kept=speed >= AIM, figure=f"{speed:,.0f}")
        board.say("seconds of CPU, of the clock", f"{here:.1f}, {watch.seconds:.1f}")
        board.say("sums kept", f"{len(trial.sums)}")
        foretell(board, rows, law, trial.sums)
        few, more = (peak_of(rows[: len(rows) // part], law) for part in (32, 8))
        board.promise(
            "memory is flat: of 2,176 orders, of 8,707", kept=more < 2 * few, figure=f"{few:,}, {more:,} bytes"
        )
        board.leave()


if __name__ == "__main__":
    sys.exit(main())
