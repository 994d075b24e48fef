"""Is all well? What is missing in the shop, with what to do."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser, no_translations

from loyalty_oscar.program import clock
from loyalty_oscar.shop.doctor import Finding, Level, examine

from ..command import LoyaltyCommand

SIGNS = {Level.OK: "ok", Level.NOTE: "note", Level.WARNING: "WARNING", Level.ERROR: "ERROR"}


class Command(LoyaltyCommand):
    help = "Says what is missing or wrong in the shop, and what to do; exits 1 on errors only."
    minds_settings = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer in JSON")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)

    def work(self, *, json: bool, **options: Any) -> None:
        found = list(examine(at=clock.now()))
        if json:
            self.stdout.write(as_json(found))
        else:
            for finding in found:
                self.show(finding)
        errors = sum(finding.level == Level.ERROR for finding in found)
        if errors:
            raise CommandError(f"{errors} error(s)")
        warnings = sum(finding.level == Level.WARNING for finding in found)
        if not json:
            self.say(f"{warnings} warning(s), no error." if warnings else "All is well.")

    def show(self, finding: Finding) -> None:
        """Write a finding, with its hint on a line of its own."""
        style = {Level.WARNING: self.style.WARNING, Level.ERROR: self.style.ERROR}.get(finding.level, str)
        self.say(style(f"{SIGNS[finding.level]:8}{finding.about}: {finding.text}"))
        if finding.hint:
            self.say(f"{'':8}{finding.hint}")


def as_json(found: list[Finding]) -> str:
    """Return the findings as one JSON object: `ok` is false on errors."""
    ok = all(finding.level != Level.ERROR for finding in found)
    return json.dumps({"ok": ok, "findings": [asdict(finding) for finding in found]}, ensure_ascii=False, indent=2)
