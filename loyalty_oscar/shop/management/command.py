"""What our commands share: refusals of one line, progress where somebody watches, days as people type them."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from datetime import date, datetime, timedelta
from typing import Any

from django.core import checks
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.periods import start_of_day
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program

SPAN = re.compile(r"(\d{1,5})\s*([mhd])")
SPANS = {"m": "minutes", "h": "hours", "d": "days"}


class WrongUsage(CommandError):
    """Options that make no sense, whatever is in the shop: the exit code is 2, like that of an option nobody knows."""

    def __init__(self, text: str) -> None:
        super().__init__(text, returncode=2)


class LoyaltyCommand(BaseCommand):
    """A command that says one line where it refuses, and writes nothing then."""

    requires_system_checks: list[str] = []
    #: Whether a mistake in the LOYALTY_… settings stops the command.
    checks_settings = True

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> ArgumentParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)

        def refuse(message: str) -> None:
            if parser.called_from_command_line:
                parser.exit(2, f"{subcommand}: {message}; --help names the options\n")
            raise WrongUsage(message)

        parser.error = refuse  # type: ignore[assignment]
        return parser

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            if self.checks_settings:
                self._check_settings()
            return super().execute(*args, **options)
        except LoyaltyError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            if Program._meta.db_table in connections[write_db()].introspection.table_names():
                raise
            raise CommandError("our tables are not there yet; run `manage.py migrate` first") from error

    def _check_settings(self) -> None:
        wrong = [found for found in checks.run_checks(tags=["loyalty"]) if found.is_serious()]
        if wrong:
            raise CommandError(" ".join(filter(None, (wrong[0].msg, wrong[0].hint))))

    def say(self, text: str) -> None:
        """Write a line for people, unless --verbosity 0."""
        if self.verbosity:
            self._clear()
            self.stdout.write(text)

    def progress(self, text: str) -> None:
        """Show how far it is, in place; nothing where nobody watches."""
        if self.verbosity and self.stdout.isatty():
            self._clear()
            self.stdout.write(text, ending="")
            self.stdout.flush()
            self._shown = len(text)

    def _clear(self) -> None:
        if self._shown:
            self.stdout.write("\r" + " " * self._shown + "\r", ending="")
            self._shown = 0

    _shown = 0
    verbosity = 1

    def handle(self, *args: Any, **options: Any) -> None:
        self.verbosity = options["verbosity"]
        try:
            self.work(**options)
        finally:
            self._clear()

    def work(self, **options: Any) -> None:
        """Do what the command is for; raise `CommandError` or `LoyaltyError` to refuse."""
        raise NotImplementedError

    def confirm(self, question: str, *, word: str = "yes") -> None:
        """Ask for a word, and refuse where the answer is another or nobody is there to give one."""
        if not sys.stdin or not sys.stdin.isatty():
            raise CommandError("nobody is here to confirm it; say --yes")
        if asked(f"{question} Type {word} to go on: ").lower() != word.lower():
            raise CommandError("nothing was done")


def asked(question: str) -> str:
    """Return what somebody types, without the spaces around it; nothing where they end the input instead (Ctrl-D)."""
    try:
        return input(question).strip()
    except EOFError:
        return ""


def moment(*, text: str, at: datetime, zone: str) -> datetime:
    """
    Return the instant that `2d`, `36h`, `2026-05-31` (its beginning in the zone) or a full ISO instant means.

    Raises `WrongUsage` for anything else and for the future.
    """
    span = SPAN.fullmatch(text.strip().lower())
    try:
        if span:
            found = at - timedelta(**{SPANS[span[2]]: int(span[1])})
        elif len(text.strip()) == 10:
            found = start_of_day(day=date.fromisoformat(text.strip()), zone=zone)
        else:
            found = datetime.fromisoformat(text.strip())
            if found.tzinfo is None:
                raise ValueError
    except (ValueError, OverflowError):
        raise WrongUsage(f"{text!r} is no moment; write a day like 2026-05-31 or a span like 2d or 36h") from None
    if found > at:
        raise WrongUsage(f"{text} lies in the future")
    return found


def at_least_one(*, option: str, number: int | None) -> None:
    """Refuse a number below 1 that was typed for an option; raises `WrongUsage`."""
    if number is not None and number < 1:
        raise WrongUsage(f"{option} takes a number of at least 1, not {number}")


def program_of(*, code: str | None) -> Program:
    """Return the program of a code, or the default one. Raises `CommandError` with the codes that exist."""
    codes = ", ".join(Program.objects.order_by("code").values_list("code", flat=True))
    if not codes:
        raise CommandError("there is no program yet; run `manage.py loyalty_setup` first")
    found = Program.objects.filter(**({"code": code} if code else {"is_default": True})).first()
    if found is None and code:
        raise CommandError(f"there is no program {code!r}; there are: {codes}")
    if found is None:
        raise CommandError(f"no program is the default one; say --program with one of: {codes}")
    return found
