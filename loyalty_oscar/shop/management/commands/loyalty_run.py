"""All jobs once, for cron; or again and again, for a demo shop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections, connections

from loyalty_oscar.shop.upkeep import jobs

from ..command import LoyaltyCommand, at_least_one


class Command(LoyaltyCommand):
    help = "Does what is due: finds orders, makes points ready, sends notices and messages, lets points run out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", metavar="NAME", choices=[job.name for job in jobs.JOBS], help="do one job only")
        parser.add_argument("--nightly", action="store_true", help="do the nightly look at all orders now")
        parser.add_argument("--every", type=int, metavar="SECONDS", help="begin again after so many seconds")

    def work(self, *, only: str | None, nightly: bool, every: int | None, **options: Any) -> None:
        at_least_one(option="--every", number=every)
        if every is None:
            failed = self.once(only=only or "", nightly=nightly, stop=lambda: False)
            if failed:
                raise CommandError("; ".join(failed))
            return
        with ending_by_signal() as ended:
            while not ended.is_set():
                for line in self.whatever_happens(every, only=only or "", nightly=nightly, stop=ended.is_set):
                    self.stderr.write(line)
                close_old_connections()
                ended.wait(every)

    def whatever_happens(self, every: int, **asked: Any) -> list[str]:
        """
        Do all jobs once; a database that is away ends the round and not the process, and is a line.

        What is no such thing (tables that are not there, a fault of ours outside of a job) is raised.
        """
        try:
            return self.once(**asked)
        except (InterfaceError, OperationalError) as error:
            for connection in connections.all(initialized_only=True):
                connection.close()
            why = next(iter(str(error).strip().splitlines()), type(error).__name__)
            return [f"the database does not answer; tried again in {every} s: {why}"]

    def once(self, *, only: str, nightly: bool, stop: Any) -> list[str]:
        """Do all jobs once; returns a line for each that failed."""
        failed = []
        for step in jobs.run(only=only, nightly=nightly, stop=stop):
            line = f"{step.job.name}: {step.done:,} {step.job.what}"
            if not step.finished:
                self.progress(line)
            elif step.done or self.verbosity > 1 or self.stdout.isatty():
                self.say(line)
            if step.error:
                failed.append(f"{step.job.name} failed: {step.error}")
        return failed


@contextmanager
def ending_by_signal() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, so that work ends between two steps."""
    ended = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield ended
        return
    kept = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
