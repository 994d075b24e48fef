"""Points for orders from before the program, as an act of its own that can be undone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser, no_translations

from loyalty_oscar.kernel.periods import last_day
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.program.words import counted
from loyalty_oscar.program.worth import worth
from loyalty_oscar.shop.orders.backfill import Tally, gather, next_batch, orders_before, portions, welcoming

from ..command import LoyaltyCommand, WrongUsage, moment, program_of


class Command(LoyaltyCommand):
    help = "Gives points for orders placed before the program went live, or takes such a batch back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", metavar="DATE", help="count orders placed since that day (2026-05-31, or 90d)")
        parser.add_argument("--program", metavar="CODE", help="which program (default: the default one)")
        parser.add_argument("--dry-run", action="store_true", help="only show what it would give")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--no-mail", action="store_true", help="write to nobody")
        parser.add_argument("--undo", metavar="BATCH", help="take a batch back, such as welcome:1")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)

    def work(self, *, since: str | None, undo: str | None, program: str | None, **options: Any) -> None:
        if bool(since) == bool(undo):
            raise WrongUsage("say either --since DATE or --undo BATCH")
        if undo:
            self.take_back(undo, yes=options["yes"], dry_run=options["dry_run"])
            return
        at, found = clock.now(), program_of(code=program)
        began = moment(text=since, at=at, zone=found.time_zone)
        orders = orders_before(program=found, since=began)
        tally = self.count(orders, found, at)
        self.show(tally, found, began, at)
        if not tally.points or options["dry_run"]:
            self.say("Nothing was written." if tally.points else "There is nothing to give.")
            return
        if not options["yes"]:
            self.confirm(f"{len(tally.members):,} members get {counted(unit=found.unit, points=tally.points)}.")
        self.give(orders, at, tally, found.unit, mail=not options["no_mail"])

    def count(self, orders: Any, program: Program, at: datetime) -> Tally:
        """Work out what everybody would get, without writing."""
        tally, total = Tally(), orders.count()
        for ids in portions(orders=orders):
            welcoming().preview(orders=gather(order_ids=ids, at=at), program=program, at=at, tally=tally)
            tally.looked_at += len(ids)
            self.progress(f"counting: {tally.looked_at:,} of {total:,} orders")
        return tally

    def show(self, tally: Tally, program: Program, began: datetime, at: datetime) -> None:
        """Say it in words before anything is written."""
        value = worth(unit=program.unit, points=tally.points - tally.gone)
        self.say(f"“{program.name}”: orders from {began:%Y-%m-%d %H:%M} to {program.earns_from:%Y-%m-%d %H:%M} UTC")
        self.say(f"  orders   {tally.orders:,} bring something, of {tally.looked_at:,} looked at")
        self.say(f"  members  {len(tally.members):,}")
        shown, ready = (counted(unit=program.unit, points=points) for points in (tally.points, tally.ready))
        self.say(f"  in all   {shown}; ready at once {ready}" + (f"; worth {value}" if value else ""))
        if tally.is_most:
            self.say("  limits   what a rule gives at most over many orders is left aside here; it may be less")
        for line in expiries(tally, program):
            self.say(f"  expiry   {line}")

    def give(self, orders: Any, at: datetime, tally: Tally, unit: Unit, *, mail: bool) -> None:
        """Post in portions; what is posted stays when it is interrupted, and the next call gives the rest."""
        batch, done = next_batch(given=welcoming().given()), 0
        for ids in portions(orders=orders):
            welcoming().give(order_ids=ids, batch=batch, at=at, mail=mail)
            done += len(ids)
            self.progress(f"giving: {done:,} of {tally.looked_at:,} orders")
        count, points, unit = welcoming().given().get(batch, (0, 0, unit))
        told = counted(unit=unit, points=points)
        self.say(f"{batch}: {told} for {count:,} orders. Undo: manage.py loyalty_welcome --undo {batch}")

    def take_back(self, batch: str, *, yes: bool, dry_run: bool) -> None:
        """Take back what a batch gave; those who used points already owe them."""
        given = welcoming().given()
        if batch not in given:
            names = ", ".join(given) or "none was given yet"
            raise CommandError(f"there is no batch {batch!r}; there are: {names}")
        count, points, unit = given[batch]
        self.say(f"{batch}: {count:,} orders, {counted(unit=unit, points=points)} stand.")
        if dry_run:
            self.say("Nothing was written.")
            return
        if not yes:
            self.confirm("They are taken back; what was used already is made up by the next orders.")
        done = 0
        for _points in welcoming().undo(batch=batch, actor="system", at=clock.now()):
            done += 1
            self.progress(f"taking back: {done:,} of {count:,} orders")
        self.say(f"{batch} is undone: {counted(unit=unit, points=points)} of {done:,} orders.")


def expiries(tally: Tally, program: Program) -> Iterator[str]:
    """Yield what runs out when, soonest first, in the program's days."""
    unit = program.unit
    if tally.gone:
        told = counted(unit=unit, points=tally.gone)
        yield f"{told} have run out already: these orders are too old for the program's terms"
    never = tally.expiries.get(None, 0)
    for expires_at in sorted(filter(None, tally.expiries)):
        told = counted(unit=unit, points=tally.expiries[expires_at])
        yield f"{told} until {last_day(expires_at=expires_at, zone=program.time_zone)}"
    if never:
        yield f"{counted(unit=unit, points=never)} never, or not before their orders are delivered"
