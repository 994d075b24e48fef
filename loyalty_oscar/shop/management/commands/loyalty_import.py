"""Balances from another system, brought along once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, no_translations

from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.words import counted
from loyalty_oscar.program.worth import worth
from loyalty_oscar.shop import imports

from ..command import LoyaltyCommand, program_of

SHOWN = 50


class Command(LoyaltyCommand):
    help = (
        "Brings balances along from a CSV file (email or user, points, expires, reference); the same file counts once,"
        " and so do a person and a reference over all files."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", type=Path, metavar="FILE.csv", help="CSV in UTF-8, the first line names the columns"
        )
        parser.add_argument("--program", metavar="CODE", help="which program (default: the default one)")
        parser.add_argument("--dry-run", action="store_true", help="only check it and show the totals")
        parser.add_argument("--undo", action="store_true", help="take back everything that this file brought along")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)

    def work(self, *, file: Path, program: str | None, dry_run: bool, undo: bool, **options: Any) -> None:
        found, at = program_of(code=program), clock.now()
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from error
        if undo:
            self.take_back(content, found, at, dry_run)
            return
        if imports.is_there(program=found, name=imports.name_of(content=content)):
            self.say(f"{file} was imported already; nothing was written.")
            return
        try:
            balances = imports.read(content=content, program=found, at=at)
        except imports.BadFile as bad:
            raise CommandError(self.all_of(bad.errors)) from bad
        self.warn(balances)
        if not balances.rows:
            self.say(f"{file} was imported already; nothing was written.")
            return
        self.show(balances)
        if dry_run:
            self.say("Nothing was written.")
            return
        done = 0
        for new in imports.post(balances=balances, at=at):
            done += new
            self.progress(f"{done:,} of {len(balances.rows):,} rows")
        self.say(f"{done:,} balances brought along.")

    def take_back(self, content: bytes, program: Program, at: datetime, dry_run: bool) -> None:
        """Take back what a file brought along, as one act."""
        try:
            balances = imports.read_known(content=content, program=program, at=at)
        except imports.BadFile as bad:
            raise CommandError(self.all_of(bad.errors)) from bad
        self.warn(balances)
        points = sum(row.points for row in balances.known)
        self.say(f"{len(balances.known):,} rows of this file brought {counted(unit=program.unit, points=points)} along")
        if dry_run:
            self.say("Nothing was written.")
            return
        self.say(f"{imports.undo(balances=balances, at=at):,} balances taken back.")

    def warn(self, balances: imports.Balances) -> None:
        """Say which rows were brought along before, and what somebody should look at."""
        if balances.known and balances.rows:
            rows = ", ".join(f"{row.number:,}" for row in balances.known[:SHOWN])
            more = f" and {len(balances.known) - SHOWN:,} more" if len(balances.known) > SHOWN else ""
            self.say(f"{len(balances.known):,} rows were brought along before and add nothing: {rows}{more}")
        for line in balances.warnings[:SHOWN]:
            self.stderr.write(f"warning: {line}")
        if len(balances.warnings) > SHOWN:
            self.stderr.write(f"warning: {len(balances.warnings) - SHOWN:,} more rows like these are not shown")

    def all_of(self, errors: list[str]) -> str:
        """Write all mistakes but the last, which refuses the file with their number."""
        for line in errors[:SHOWN]:
            self.stderr.write(line)
        more = f" ({len(errors) - SHOWN:,} of them not shown)" if len(errors) > SHOWN else ""
        mistakes = "1 mistake" if len(errors) == 1 else f"{len(errors):,} mistakes"
        return f"{mistakes}{more}; nothing was written"

    def show(self, balances: imports.Balances) -> None:
        """Say what the file brings before anything is written."""
        unit = balances.program.unit
        people = {row.user_id for row in balances.rows}
        members = set(
            Member.objects.filter(program=balances.program, user__isnull=False).values_list("user_id", flat=True)
        )
        value = worth(unit=unit, points=balances.points)
        new = f"{len(people - members):,} of them join “{balances.program.name}” with it"
        self.say(f"{len(balances.rows):,} rows for {len(people):,} people; {new}")
        self.say(counted(unit=unit, points=balances.points) + (f", worth {value}" if value else ""))
