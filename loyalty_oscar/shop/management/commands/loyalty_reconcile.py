"""A second look at orders, with every difference named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError, CommandParser, no_translations
from django.utils import timezone

from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.words import counted, why
from loyalty_oscar.shop.orders.reconcile import decide_deleted, orders_since, reconcile

from ..command import LoyaltyCommand, WrongUsage, moment


class Command(LoyaltyCommand):
    help = "Looks at orders again though no signal told, names each difference and posts it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", default="2d", metavar="DATE", help="orders placed since then (default: 2d)")
        parser.add_argument("--dry-run", action="store_true", help="only show what it would post")
        parser.add_argument("--deleted", metavar="NUMBER", help="decide otherwise what a deleted order came to")
        parser.add_argument(
            "--came-to",
            choices=("nothing", "kept"),
            help="with --deleted: as if it never was, or it keeps what it brought",
        )

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)

    def work(self, *, since: str, dry_run: bool, deleted: str | None, came_to: str | None, **options: Any) -> None:
        if bool(deleted) != bool(came_to):
            raise WrongUsage("--deleted and --came-to go together")
        if deleted and dry_run:
            raise WrongUsage("--dry-run does not go with --deleted")
        if deleted:
            self.decide_deleted(deleted, str(came_to))
            return
        at, failed = clock.now(), {}
        began = moment(text=since, at=at, zone=timezone.get_current_timezone_name())
        total, looked_at, posted = orders_since(since=began).count(), 0, 0
        sums: Counter[Unit] = Counter()
        for step in reconcile(since=began, at=at, dry_run=dry_run):
            looked_at += step.looked_at
            failed |= step.failed
            posted += len(step.posted)
            for entry in step.posted:
                sums[entry.account.unit] += entry.net
            self.tell(step.posted)
            self.progress(f"{looked_at:,} of {total:,} orders")
        verb = "to post" if dry_run else "posted"
        told = [counted(unit=unit, points=points, signed=True) for unit, points in sums.items()]
        self.say(f"{looked_at:,} orders looked at; {posted:,} differences {verb}{''.join(f', {one}' for one in told)}.")
        if failed:
            raise CommandError("; ".join(f"order {pk} could not be looked at: {error}" for pk, error in failed.items()))

    def decide_deleted(self, number: str, came_to: str) -> None:
        posted = decide_deleted(number=number, came_to=came_to, at=clock.now())
        self.tell(posted)
        self.say(f"Order {number} came to {came_to}; {len(posted):,} differences posted.")

    def tell(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            told = counted(unit=entry.account.unit, points=entry.net, signed=True)
            self.say(f"{entry.key}: {told} on account {entry.account_id} ({why(entry.because)})")
