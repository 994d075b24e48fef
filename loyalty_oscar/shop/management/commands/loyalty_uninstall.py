"""Taking the suite, or one feature of it, out of a shop again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from loyalty_oscar.shop.upkeep import uninstall

from ..command import LoyaltyCommand

EDITS = """Now take the three edits back, and restart the shop:
  1. INSTALLED_APPS: *loyalty_oscar.SUITE (and loyalty_oscar.jobs)
  2. MIDDLEWARE: loyalty_oscar.shop.middleware.LoyaltyMiddleware
  3. urlpatterns: include("loyalty_oscar.urls")
and the line of cron that calls loyalty_run."""


class Command(LoyaltyCommand):
    help = "Exports our rows if asked, then takes away what is ours in the database: all, or one feature."
    checks_settings = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--app", default="", metavar="NAME", help="one feature only, such as earning")
        parser.add_argument("--export", type=Path, metavar="DIR", help="write every row to files in a new folder first")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def work(self, *, app: str, export: Path | None, yes: bool, **options: Any) -> None:
        names = uninstall.leaving(app=app)
        tables = uninstall.tables(names=names)
        rows = sum(table.rows for table in tables)
        self.say(f"What goes: {', '.join(names)}; {len(tables)} tables with {rows:,} rows.")
        for sentence in uninstall.consequences(names=names):
            self.say(sentence)
        if not yes:
            self.confirm("Points and their history are gone afterwards.", word=uninstall.word_for(names=names))
        if export:
            for table, path in uninstall.export(tables=tables, folder=export):
                self.say(f"{path}: {table.rows:,} rows")
        for line in uninstall.take_away(names=names):
            self.say(line)
        self.say(f"Now take loyalty_oscar.{app} out of INSTALLED_APPS, and restart the shop." if app else EDITS)
