"""A second look at orders, with every difference named."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser, no_translations
from django.utils import timezone

from loyalty_oscar.program import clock
from loyalty_oscar.program.words import why
from loyalty_oscar.shop.reconcile import orders_since, reconcile

from ..command import LoyaltyCommand, moment


class Command(LoyaltyCommand):
    help = "Looks at orders again though no signal told, names each difference and posts it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", default="2d", metavar="DATE", help="orders placed since then (default: 2d)")
        parser.add_argument("--dry-run", action="store_true", help="only show what it would post")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)

    def work(self, *, since: str, dry_run: bool, **options: Any) -> None:
        at, failed = clock.now(), {}
        began = moment(text=since, at=at, zone=timezone.get_current_timezone_name())
        total, looked_at, posted, points = orders_since(since=began).count(), 0, 0, 0
        for step in reconcile(since=began, at=at, dry_run=dry_run):
            looked_at += step.looked_at
            failed |= step.failed
            posted += len(step.posted)
            points += sum(entry.net for entry in step.posted)
            for entry in step.posted:
                self.say(f"{entry.key}: {entry.net:+,} points on account {entry.account_id} ({why(entry.because)})")
            self.progress(f"{looked_at:,} of {total:,} orders")
        verb = "to post" if dry_run else "posted"
        self.say(f"{looked_at:,} orders looked at; {posted:,} differences {verb}, {points:+,} points.")
        if failed:
            raise CommandError("; ".join(f"order {pk} could not be looked at: {error}" for pk, error in failed.items()))
