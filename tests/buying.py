"""The figures of who buys and who stays, in SQL written by hand, from a file of purchases (CDNOW's form)."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from loyalty_oscar.insights.buying import Buying, BuyingPeriod, Row

COUNTED = """
WITH at_start AS (SELECT DISTINCT buyer FROM paid WHERE day >= date(:first, :window) AND day < :first),
     at_end AS (SELECT DISTINCT buyer FROM paid WHERE day >= date(:until, :window) AND day < :until),
     acquired AS (SELECT buyer FROM paid GROUP BY buyer HAVING MIN(day) >= :first AND MIN(day) < :until),
     within AS (SELECT buyer, COUNT(*) AS orders, SUM(cents) AS cents FROM paid
                WHERE day >= :first AND day < :until GROUP BY buyer)
SELECT (SELECT COUNT(*) FROM at_start),
       (SELECT COUNT(*) FROM at_end),
       (SELECT COUNT(*) FROM acquired),
       (SELECT COUNT(*) FROM at_start WHERE buyer IN at_end),
       (SELECT COUNT(*) FROM within),
       (SELECT COUNT(*) FROM within WHERE orders > 1),
       (SELECT COALESCE(SUM(cents), 0) FROM within),
       (SELECT COALESCE(SUM(cents), 0) FROM within WHERE buyer NOT IN acquired),
       (SELECT COUNT(*) FROM at_end WHERE buyer NOT IN at_start AND buyer NOT IN acquired)
"""
BY_COHORT = """
WITH began AS (SELECT buyer, strftime('%Y-%m-01', MIN(day)) AS month FROM paid GROUP BY buyer)
SELECT month,
       12 * (strftime('%Y', day) - strftime('%Y', month)) + strftime('%m', day) - strftime('%m', month) AS age,
       COUNT(DISTINCT buyer), SUM(cents)
FROM paid JOIN began USING (buyer) GROUP BY month, age
"""
#: Quarters, half-years, the whole, a single day, and what lies before and after all: each with how it is looked at.
SPANS = tuple(
    BuyingPeriod(first=date.fromisoformat(first), until=date.fromisoformat(until), window=window)
    for first, until, window in (
        ("1997-01-01", "1997-04-01", 90),
        ("1997-04-01", "1997-07-01", 90),
        ("1997-07-01", "1997-10-01", 90),
        ("1997-10-01", "1998-01-01", 90),
        ("1998-01-01", "1998-04-01", 90),
        ("1998-04-01", "1998-07-01", 180),
        ("1997-07-01", "1998-01-01", 180),
        ("1998-01-01", "1998-07-01", 365),
        ("1997-01-01", "1998-07-01", 546),
        ("1997-12-24", "1997-12-25", 30),
        ("1996-01-01", "1997-01-01", 365),
        ("1999-12-01", "2000-03-01", 365),
    )
)


def paid_rows(file: Path) -> list[Row]:
    """The paid purchases of a file, by customer and day, each at noon (UTC)."""
    rows = [line.split() for line in file.read_text().splitlines()[1:] if line.strip()]
    found = [
        (buyer, datetime.strptime(day, "%Y%m%d").replace(hour=12, tzinfo=UTC), int(Decimal(dollars) * 100))
        for buyer, day, _units, dollars in rows
        if Decimal(dollars) > 0
    ]
    return sorted(found)


def a_base(rows: list[Row]) -> sqlite3.Connection:
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE paid (buyer TEXT, day TEXT, cents INTEGER)")
    base.executemany("INSERT INTO paid VALUES (?, ?, ?)", [(who, f"{at:%Y-%m-%d}", cents) for who, at, cents in rows])
    base.execute("CREATE INDEX by_day ON paid (day)")
    base.execute("CREATE INDEX by_buyer ON paid (buyer, day, cents)")
    return base


def by_sql(base: sqlite3.Connection, span: BuyingPeriod) -> Buying:
    """What was bought in a span, as SQL has it."""
    asked = {"first": f"{span.first}", "until": f"{span.until}", "window": f"-{span.window} days"}
    names = ("start", "end", "acquired", "kept", "buyers", "repeaters", "turnover", "existing", "won_back")
    return Buying(**dict(zip(names, base.execute(COUNTED, asked).fetchone(), strict=True)))


def cohorts_by_sql(base: sqlite3.Connection) -> Iterator[tuple[tuple[date, int], tuple[int, int]]]:
    """What each cohort bought at each age: how many buyers, for how many cents."""
    for month, age, buyers, cents in base.execute(BY_COHORT):
        yield (date.fromisoformat(month), age), (buyers, cents)
