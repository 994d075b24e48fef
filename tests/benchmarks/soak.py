"""
`make soak`: thirty thousand steps that chance chooses, on the real ledger and on a plain one in memory.

Three seeds, ten thousand steps each; `--steps` and `--seed` take others. Each seed takes the same steps every time, so
a failure can be looked at again.
"""

import argparse

import django

from tests.benchmarks.board import Board, timed

STEPS, SEEDS, ROUND = 10_000, (1, 2, 3), 400


def main() -> None:
    """Run the machine in rounds, so that one sees it move."""
    parser = argparse.ArgumentParser(prog="soak", description="Drive the ledger against a plain one in memory.")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps for each seed")
    parser.add_argument("--seed", type=int, action="append", help="a seed (may come several times)")
    asked = parser.parse_args()
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    from tests.integration.ledger.machine import soak

    board = Board("soak: the ledger against a plain one")
    made = setup_databases(verbosity=0, interactive=False)
    try:
        for seed in asked.seed or SEEDS:
            done, sound = 0, True
            with timed() as watch:
                for number in range(max(1, asked.steps // ROUND)):
                    try:
                        done += soak(steps=min(ROUND, asked.steps), seed=seed * 1_000_000 + number)
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
    board.leave()


if __name__ == "__main__":
    main()
