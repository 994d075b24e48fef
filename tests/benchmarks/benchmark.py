"""
`make benchmark`: what the suite costs a shop, against the same shop without it in the same run, on PostgreSQL.

Two processes are two shops that differ in their settings alone. Statements are counted as Django tells them, BEGIN
and COMMIT with them; CPU times are medians of paired rounds that take turns.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import django

from tests.benchmarks.board import Board

SETTINGS = {"without": "tests.benchmarks.without", "with": "tests.settings"}
INLINE, QUEUED, CPU_TIMES = 26, 1, 1.20
#: The mail that confirms an order of the checkout says what it brings: from its award where it was counted inline,
#: else as counting will find it. Once for both of its bodies.
MAIL = {"inline": 1, "queue": 6}
#: Placing an order by a creator alone, and in the checkout: before its commit, also in a process that remembers
#: nothing (cold). What is remembered is asked once a minute: which programs and sales there are, since sales close at
#: the order's line too, and in the checkout which levels, whose prices it shows. Each checkout asks whether points are
#: set aside for its basket, since they can be used.
BEFORE = {("creator", "warm"): 0, ("creator", "cold"): 2, ("checkout", "warm"): 1, ("checkout", "cold"): 4}
ROUNDS, WARM_UP = 31, 3
#: Using points: queries on a page, statements of ours at an order, and how much longer a crowd may take.
PAGE, OURS, TOGETHER = 4, 12, 1.30
DISCOUNTS, STEPS = ("none", "points", "voucher"), ("basket", "preview", "order", "after")
CROWD_ROUNDS = 5
#: A list with sales and member prices: queries more than the plain list, and how much longer it may take.
LISTED, LIST_TIMES, LIST_PAGES = 2, 1.05, 4
#: Everything on: queries more than with points alone, to the commit of the order. A customer whom the shop knows: the
#: account, the standing, what this buyer holds of sales with a limit for each, whether the place is still held, the
#: lock on the count, the places that count for this buyer, the place that becomes the order's, and one for all sales
#: that count no pieces: they are written down too, since a quota may come later. One whom it does not know reserves
#: with this very press, in a transaction of its own (six more), since strangers could hoard a sale from the preview on.
EVERYTHING = {"whom the shop knows": 8, "with a first order": 14}
#: A gift, something off and points in one basket: queries more than with points alone, to the commit of the order. What
#: the two are and the gift's line, seven for each that is used, and what Oscar asks of one line and two discounts more.
REWARDS_USED = 50
#: The catalogue of rewards: queries of its page, and how long it may take against a list of as many products.
REWARDS_PAGE, REWARDS_TIMES = 12, 1.0
STEPS_OF_ALL = ("product", "account", "basket", "preview", "order", "after")


class Worker:
    """One of the two shops, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def answer(self) -> Any:
        line = self.process.stdout.readline()
        if not line:
            sys.exit("One of the two shops has ended; its last words stand above.")
        return json.loads(line)

    def ask(self, what: str, **arguments: Any) -> Any:
        print(json.dumps([what, arguments]), file=self.process.stdin, flush=True)
        return self.answer()


@contextmanager
def worker(name: str):
    """Start a shop; it removes its database when its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.worker", name],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": SETTINGS[name]},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Worker(process)
    finally:
        process.stdin.close()
        process.wait(60)


class Shops:
    """Both shops, asked the same."""

    def __init__(self, without: Worker, with_: Worker) -> None:
        self.without, self.with_ = without, with_

    def both(self, what: str, **arguments: Any) -> tuple[Any, Any]:
        return self.without.ask(what, **arguments), self.with_.ask(what, **arguments)

    def cpu(self, rounds: int, **arguments: Any) -> tuple[float, float, float]:
        """
        Return the median CPU seconds of each, and the median of what they are to each other round by round.

        Who begins changes from round to round; other work on the machine slows both halves of a round alike.
        """
        spent: dict[Worker, list[float]] = {self.without: [], self.with_: []}
        for n in range(rounds + WARM_UP):
            for shop in [self.without, self.with_][:: 1 if n % 2 else -1]:
                spent[shop].append(shop.ask("cpu", **arguments))
        without, with_ = (times[WARM_UP:] for times in spent.values())
        times = statistics.median(b / a for a, b in zip(without, with_, strict=True))
        return statistics.median(without), statistics.median(with_), times


def page(
    board: Board, shops: Shops, what: str, *, most: int, same_headers: bool = False, shows: str = "", **how
) -> None:
    """A page: at most so many queries more, the same headers, and what it must show to be worth counting."""
    without, with_ = shops.both("page", **how)
    more = with_["queries"] - without["queries"]
    board.promise(f"{what}, at most {most}", kept=more <= most, figure=f"{more:+d} ({without['queries']})")
    if same_headers:
        kept = with_["headers"] == without["headers"]
        board.promise(f"{what}: the same headers", kept=kept, figure="" if kept else with_["headers"])
    if shows:
        board.promise(f"{what}: shows {shows}", kept=shows in with_["shows"])


def pages(shops: Shops) -> int:
    board = Board("Queries more on a page (without us)")
    for name in ("home", "catalogue", "product", "basket"):
        page(board, shops, f"stranger: {name}", most=0, same_headers=True, name=name)
    page(board, shops, "stranger: product, cold", most=3, shows="earn", name="product", cold=True)
    page(board, shops, "stranger: product, warm", most=1, shows="earn", name="product")
    for name in ("home", "catalogue", "product"):
        page(board, shops, f"signed in: {name}", most=1, name=name, signed_in=True)
    page(board, shops, "signed in: catalogue", most=1, shows="available", name="catalogue", signed_in=True)
    # Units, sales, ladders, rules, worths and who it is, less two of Oscar's own.
    page(board, shops, "signed in: product, cold", most=4, shows="earn", name="product", signed_in=True, cold=True)
    for filled in (False, True):
        for signed_in in (False, True):
            who, how = "signed in" if signed_in else "stranger", "filled" if filled else "empty"
            shows = "earn" if filled else ""
            page(
                board, shops, f"{who}: basket, {how}", most=2, shows=shows, name="basket", signed_in=signed_in,
                filled=filled,
            )  # fmt: skip
    return board.broken


def orders(shops: Shops) -> int:
    board = Board("Statements of ours when an order is placed: before its commit, after it")
    for web in (False, True):
        for lines in (1, 10, 40):
            for new in (True, False):
                for cold, queue in ((True, False), (False, False), (False, True)):
                    how = {"lines": lines, "new": new, "cold": cold, "queue": queue, "web": web}
                    without, with_ = shops.both("order", **how)
                    before, after = (with_[part] - without[part] for part in ("before", "after"))
                    way, memory = "checkout" if web else "creator", "cold" if cold else "warm"
                    how_counted = "queue" if queue else "inline"
                    most, all_ = BEFORE[way, memory], QUEUED if queue else INLINE
                    all_ += MAIL[how_counted] if web else 0
                    words = f"{way}, {lines} lines, {'first' if new else 'next'} order, {memory}, {how_counted}"
                    # With a queue the customer waits for what is before the commit and for one more.
                    fits = after <= all_ if queue else before + after <= all_
                    kept = before <= most and with_["ours_before"] <= most and fits
                    told = f"{words}, at most {most} and {all_ if queue else f'{all_} in all'}"
                    board.promise(told, kept=kept, figure=f"{before}, {after}")
    return board.broken


def cpu(shops: Shops, rounds: int) -> int:
    board = Board(f"CPU time of placing an order, medians of {rounds} paired rounds: without us, with us")
    for web, queue, lines in ((True, False, 3), (True, True, 3), (True, False, 10), (False, False, 3)):
        without, with_, times = shops.cpu(rounds, lines=lines, queue=queue, web=web)
        words = f"{'checkout' if web else 'creator alone'}, {lines} lines, {'queue' if queue else 'inline'}"
        figure = f"{without * 1000:.1f} ms, {with_ * 1000:.1f} ms, {times:.2f} x"
        if web:
            board.promise(f"{words}, at most {CPU_TIMES:.2f} x", kept=times <= CPU_TIMES, figure=figure)
        else:
            board.say(words, figure)
    return board.broken


def points(shops: Shops) -> int:
    board = Board("Queries more with points (with a voucher, without us): basket, preview, order to its commit, after")
    for lines in (1, 10, 40):
        for lots in (1, 50):
            visits = {name: shops.with_.ask("visit", discount=name, lines=lines, lots=lots) for name in DISCOUNTS}
            none, used, voucher = visits.values()
            more = {step: used[step] - none[step] for step in STEPS}
            figure = ", ".join(f"{more[step]:+d} ({voucher[step] - none[step]:+d})" for step in STEPS)
            most = {"basket": PAGE, "preview": PAGE, "order": 2 + 2 * lines + OURS, "after": PAGE}
            kept = all(more[step] <= most[step] for step in STEPS) and (none["off"], used["off"]) == (0, 500)
            board.promise(
                f"{lines} lines, {lots} lots, at most {', '.join(map(str, most.values()))}", kept=kept, figure=figure
            )
    return board.broken


def together(shops: Shops, rounds: int) -> int:
    board = Board(f"Sixteen orders at once, medians of {rounds} paired rounds: without points, with points")

    def spent(**how: Any) -> float:
        return shops.with_.ask("together", **how)

    for inside in (False, True):
        pairs = []
        for n in range(rounds + 1):
            order = ["none", "points"][:: 1 if n % 2 else -1]
            took = {name: spent(discount=name, inside=inside) for name in order}
            pairs.append((took["none"], took["points"]))
        pairs = pairs[1:]  # The first round warms up.
        times = statistics.median(b / a for a, b in pairs)
        none, used = (statistics.median(column) for column in zip(*pairs, strict=True))
        figure = f"{none:.2f} s, {used:.2f} s, {times:.2f} x"
        if inside:
            board.say("its broken twin: uses of the offer counted in the transaction", figure)
        else:
            board.promise(f"points used by all, at most {TOGETHER:.2f} x", kept=times <= TOGETHER, figure=figure)
    return board.broken


def sales(shops: Shops, rounds: int) -> int:
    board = Board(f"A list of 24 products with 20 sales and member prices: the plain list in {rounds} paired rounds")
    for signed_in in (False, True):
        who = "a member with a level" if signed_in else "a stranger"
        for how in ("open", "locked"):
            found = {name: shops.with_.ask("listed", how=name, signed_in=signed_in) for name in ("plain", how)}
            more = found[how]["queries"] - found["plain"]["queries"]
            marks = found[how]["lock" if how == "locked" and not signed_in else "cut"]
            kept = more <= LISTED and found[how]["products"] == marks == 24
            board.promise(f"{who}, sales {how}, at most {LISTED} queries", kept=kept, figure=f"{more:+d}")
            plain, listed, times = paired(shops.with_, ("plain", how), rounds, signed_in=signed_in)
            figure = f"{plain * 1000:.1f} ms, {listed * 1000:.1f} ms, {times:.3f} x"
            board.promise(f"{who}, sales {how}, at most {LIST_TIMES:.2f} x", kept=times <= LIST_TIMES, figure=figure)
        how = {"signed_in": signed_in, "pages": LIST_PAGES}
        shops.with_.ask("listed", how="open", **how)
        pairs = [[one["cpu"] for one in shops.both("listed", **how)] for _n in range(rounds)]
        times = statistics.median(b / a for a, b in pairs)
        board.say(f"{who}, sales open, to the shop without the suite", f"{times:.3f} x")
    return board.broken


def paired(shop: Worker, names: Sequence[str], rounds: int, **how: Any) -> tuple[float, float, float]:
    """Return the median CPU seconds of a list in two states, and the median of what they are round by round."""
    spent: dict[str, list[float]] = {name: [] for name in names}
    for n in range(rounds + WARM_UP):
        for name in names[:: 1 if n % 2 else -1]:
            spent[name].append(shop.ask("listed", how=name, pages=LIST_PAGES, **how)["cpu"])
    one, other = (times[WARM_UP:] for times in spent.values())
    times = statistics.median(b / a for a, b in zip(one, other, strict=True))
    return statistics.median(one), statistics.median(other), times


def everything(shops: Shops) -> int:
    board = Board("Queries more with everything on than with points alone (of these)")
    for queue, (who, most) in itertools.product((False, True), EVERYTHING.items()):
        found = {}
        for how in ("everything", "points"):  # Nothing of it is left on for the parts that follow.
            asked = {"how": how, "queue": queue, "known": who == "whom the shop knows"}
            shops.with_.ask("everything", **asked)  # warms up
            found[how] = shops.with_.ask("everything", **asked)
        alone, all_ = found["points"], found["everything"]
        more = {step: all_[step] - alone[step] for step in STEPS_OF_ALL}
        words = f"a customer {who}, {'queue' if queue else 'inline'}"
        for step in STEPS_OF_ALL:
            figure = f"{more[step]:+d} ({alone[step]})"
            if step == "order":
                kept = more[step] <= most and alone["off"] == 500
                board.promise(f"{words}: order to its commit, at most {most}", kept=kept, figure=figure)
            else:
                board.say(f"{words}: {step}", figure)
    return board.broken


def rewards(shops: Shops, rounds: int) -> int:
    board = Board("Rewards: queries more with a gift, something off and points than with points alone (of these)")
    for queue in (False, True):
        for how in ("points", "rewards"):
            shops.with_.ask("use_rewards", how=how, queue=queue)  # warms up
        alone, both = (shops.with_.ask("use_rewards", how=how, queue=queue) for how in ("points", "rewards"))
        for step in STEPS:
            figure, words = f"{both[step] - alone[step]:+d} ({alone[step]})", "queue" if queue else "inline"
            if step == "order":
                kept = both[step] - alone[step] <= REWARDS_USED
                board.promise(f"{words}: order to its commit, at most {REWARDS_USED}", kept=kept, figure=figure)
            else:
                board.say(f"{words}: {step}", figure)
    found = shops.with_.ask("list_of_rewards")
    kept = found["queries"] <= REWARDS_PAGE and found["rewards"] == 24
    board.promise(f"the catalogue of 24 rewards, at most {REWARDS_PAGE} queries", kept=kept, figure=found["queries"])
    shops.with_.ask("listed", how="plain", signed_in=True)
    pairs = []
    for _n in range(rounds):
        one = shops.with_.ask("listed", how="plain", signed_in=True, pages=LIST_PAGES)["cpu"]
        pairs.append((one, shops.with_.ask("list_of_rewards", pages=LIST_PAGES)["cpu"]))
    times = statistics.median(b / a for a, b in pairs)
    words = f"its time against a list of as many products, at most {REWARDS_TIMES:.1f} x"
    board.promise(words, kept=times <= REWARDS_TIMES, figure=f"{times:.2f} x")
    return board.broken


def standings(members: int | None) -> int:
    """The nightly walk of the levels, in a process with a database of its own."""
    more = ["--members", str(members)] if members else []
    return subprocess.run([sys.executable, "-m", "tests.benchmarks.standings", *more], check=False).returncode


def segments(members: int | None) -> int:
    """The nightly look at segments by rule, in a process with a database of its own."""
    more = ["--members", str(members)] if members else []
    return subprocess.run([sys.executable, "-m", "tests.benchmarks.segments", *more], check=False).returncode


def ledger() -> int:
    """The ledger's writer, in a process with a database of its own."""
    return subprocess.run([sys.executable, "-m", "tests.benchmarks.ledger"], check=False).returncode


def receipts() -> int:
    """Receipts of old orders and the night that counts members, in a process with a database of its own."""
    return subprocess.run([sys.executable, "-m", "tests.benchmarks.receipts"], check=False).returncode


def campaigns() -> int:
    """The night of campaigns, in a process with a database of its own."""
    return subprocess.run([sys.executable, "-m", "tests.benchmarks.campaigns"], check=False).returncode


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.benchmark", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"paired rounds of CPU times (default {ROUNDS})")
    parts = (
        *("pages", "orders", "points", "together", "cpu", "standings", "segments", "sales", "everything", "rewards"),
        *("ledger", "receipts", "campaigns"),
    )
    parser.add_argument("--part", choices=parts, help="one part alone")
    parser.add_argument("--members", type=int, help="how many members have standings and segments (default 100,000)")
    given = parser.parse_args(arguments)
    django.setup()  # Starts the server that both shops find in the environment.
    with ExitStack() as stack:
        without, with_ = (stack.enter_context(worker(name)) for name in SETTINGS)
        assert without.answer() == with_.answer() == "ready"
        shops = Shops(without, with_)
        parts = {
            "pages": pages,
            "orders": orders,
            "points": points,
            "together": lambda shops: together(shops, min(given.rounds, CROWD_ROUNDS)),
            "cpu": lambda shops: cpu(shops, given.rounds),
            "sales": lambda shops: sales(shops, given.rounds),
            "everything": everything,
            "rewards": lambda shops: rewards(shops, given.rounds),
            "standings": lambda shops: standings(given.members),
            "segments": lambda shops: segments(given.members),
            "ledger": lambda shops: ledger(),
            "receipts": lambda shops: receipts(),
            "campaigns": lambda shops: campaigns(),
        }
        broken = sum(part(shops) for name, part in parts.items() if given.part in (None, name))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
