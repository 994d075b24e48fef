"""
`make soak`: thirty thousand steps that chance chooses, on the real ledger and on a plain one in memory; then ten
thousand lives of a small shop, each with one order and without it.

The ledger has three seeds of ten thousand steps; `--steps` and `--seed` take others. Lives are told by a seed and a
number (`--lives`, `--first`), and one that fails is printed as short as it can be. `--lives 100` alone leaves the
ledger out. Each takes the same way every time, so a failure can be looked at again.
"""

import argparse
import gc
import os
import subprocess
import sys
import time
from itertools import pairwise

import django

from tests.benchmarks.board import Board, timed

STEPS, SEEDS, ROUND = 10_000, (1, 2, 3), 400
LIVES, LIVES_SEED, SHOWN = 10_000, 1, 5


def main() -> None:
    """Run the machine in rounds, so that one sees it move; then the lives, on as many processors as there are."""
    parser = argparse.ArgumentParser(prog="soak", description="Drive the ledger, and then a small shop, by chance.")
    parser.add_argument("--steps", type=int, help=f"steps of the ledger for each seed ({STEPS:,})")
    parser.add_argument("--seed", type=int, action="append", help="a seed (may come several times)")
    parser.add_argument("--lives", type=int, help=f"how many lives of a shop ({LIVES:,})")
    parser.add_argument("--first", type=int, default=0, help="number of the first life")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.alone:
        sys.exit(live(seeds=asked.seed, first=asked.first, number=asked.lives))
    board = Board("soak: the ledger against a plain one, and the order that never was")
    if asked.steps is not None or asked.lives is None:
        drive(board, seeds=asked.seed or SEEDS, steps=asked.steps or STEPS)
    if asked.lives is not None or asked.steps is None:
        share(board, seeds=asked.seed or (LIVES_SEED,), first=asked.first, number=asked.lives or LIVES)
    board.leave()


def drive(board: Board, *, seeds: list[int], steps: int) -> None:
    """Take steps on the real ledger and on the plain one."""
    django.setup()
    from django.test.utils import setup_databases, setup_test_environment, teardown_databases

    from tests.integration.ledger.machine import soak

    setup_test_environment()  # What is made once for many rounds is made with its mails, as in a test.
    made = setup_databases(verbosity=0, interactive=False)
    try:
        for seed in seeds:
            done, sound = 0, True
            with timed() as watch:
                for number in range(max(1, steps // ROUND)):
                    try:
                        done += soak(steps=min(ROUND, steps), seed=seed * 1_000_000 + number)
                    except Exception as error:  # noqa: BLE001 - whatever it is, it is a difference
                        board.say(f"round {number} of seed {seed}", repr(error))
                        sound = False
                        break
                    print(f"\r  seed {seed}: {done} operations", end="", flush=True)
            print(end="\r")
            rate = f"{done} operations, {done / watch.seconds:.0f} a second"
            board.promise(f"seed {seed} finds no difference", kept=sound, figure=rate)
    finally:
        teardown_databases(made, verbosity=0)


def share(board: Board, *, seeds: list[int], first: int, number: int) -> None:
    """Let each processor live its share, on a database in memory: a life is rolled back, so nothing else is needed."""
    hands = min(os.cpu_count() or 1, number)
    command = [sys.executable, "-m", "tests.benchmarks.soak", "--alone"]
    for seed in seeds:
        command += ["--seed", str(seed)]
    bounds = [first + number * hand // hands for hand in range(hands + 1)]
    with timed() as watch:
        working = [
            subprocess.Popen(
                [*command, "--first", str(start), "--lives", str(end - start)],
                env={**os.environ, "LOYALTY_TEST_DB": "sqlite", "DJANGO_SETTINGS_MODULE": "tests.settings"},
            )
            for start, end in pairwise(bounds)
        ]
        failed = sum(process.wait() != 0 for process in working)
    told = f"{number * len(seeds):,} lives, {number * len(seeds) / watch.seconds:.1f} a second"
    names = ", ".join(f"{seed}/{first} to {seed}/{first + number - 1}" for seed in seeds)
    board.promise(f"lives {names} are as they must be", kept=not failed, figure=told)


def live(*, seeds: list[int], first: int, number: int) -> int:
    """Live these lives in this process; prints those that fail as short as they can be, returns how many."""
    django.setup()
    import logging

    from django.conf import settings
    from django.db import connection
    from django.test.utils import setup_databases, setup_test_environment

    from tests import template
    from tests.lives.drawing import draw
    from tests.lives.play import Fault, play
    from tests.lives.shop import a_shop
    from tests.lives.shrinking import shortest

    logging.getLogger("loyalty_oscar").setLevel(logging.CRITICAL)  # What fails is seen on the mark of its order.
    setup_test_environment()
    template.use(connection, settings.INSTALLED_APPS)
    setup_databases(verbosity=0, interactive=False)
    gc.freeze()
    gc.set_threshold(*template.SELDOM)
    failed, said = 0, time.monotonic()
    with a_shop() as shop:
        for seed in seeds:
            for one in range(first, first + number):
                try:
                    play(shop, draw(seed=seed, number=one))
                except Fault as fault:
                    failed += 1
                    print(shortest(shop=shop, fault=fault) if failed <= SHOWN else f"Life {seed}/{one} fails, too")
                if time.monotonic() > said + 60:
                    said = time.monotonic()
                    print(f"  life {seed}/{one}, {failed} failed", flush=True)
    return min(failed, 100)


if __name__ == "__main__":
    main()
