"""Is all well? What is missing in the shop, with what to do."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser, no_translations

from loyalty_oscar.program import clock
from loyalty_oscar.shop.rehearsal import Number, rehearse
from loyalty_oscar.shop.upkeep.doctor import Finding, Level, examine

from ..command import LoyaltyCommand, WrongUsage

SIGNS = {Level.OK: "ok", Level.NOTE: "note", Level.WARNING: "WARNING", Level.ERROR: "ERROR"}


class Command(LoyaltyCommand):
    help = (
        "Says what is missing or wrong in the shop, and what to do; exits 1 on errors only. With --rehearse sells one "
        "thing through the shop's own code, takes a unit back, compares each number and rolls everything back."
    )
    checks_settings = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer in JSON")
        parser.add_argument(
            "--rehearse", action="store_true", help="play a purchase and a return; exits 1 on a fork that departs"
        )
        parser.add_argument("--product", default="", metavar="ID", help="what is sold in the rehearsal, by id or UPC")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)

    def work(self, *, json: bool, rehearse: bool, product: str, **options: Any) -> None:
        if product and not rehearse:
            raise WrongUsage("--product goes with --rehearse")
        if rehearse:
            self.rehearse(product, json)
        else:
            self.examine(json)

    def rehearse(self, product: str, is_json: bool) -> None:
        """Play a purchase and say each number; the first one that departs ends in an error."""
        told = rehearse(product_id=product, at=clock.now())
        if is_json:
            self.stdout.write(json.dumps(told.as_json(), ensure_ascii=False, indent=2))
        else:
            for number in told.numbers:
                self.show_number(number)
            if told.left_out:
                self.say(f"note    not called, so that nothing leaves the house: {', '.join(told.left_out)}")
        if told.departs:
            fork = told.fork or "no method of the shop's own lies on its way; does `loyalty_doctor` find something?"
            raise CommandError(f"{told.departs.what}: {told.departs.got}, not {told.departs.expected}: {fork}")
        if not is_json:
            self.say("All numbers agree. Everything was rolled back.")

    def show_number(self, number: Number) -> None:
        """Write a number, and beside it what it should have been."""
        if number.agrees:
            self.say(f"{'ok' if number.expected else '':8}{number.what}: {number.got}")
        else:
            text = f"DEPARTS {number.what}: {number.got}, expected {number.expected}"
            self.say(self.style.ERROR(text))

    def examine(self, json: bool) -> None:
        """Make every check and say what it found."""
        found = list(examine(at=clock.now()))
        if json:
            self.stdout.write(as_json(found))
        else:
            for finding in found:
                self.show(finding)
        errors = sum(finding.level == Level.ERROR for finding in found)
        if errors:
            raise CommandError(f"errors: {errors}")
        warnings = sum(finding.level == Level.WARNING for finding in found)
        if not json:
            self.say(f"No error; warnings: {warnings}." if warnings else "All is well.")

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
