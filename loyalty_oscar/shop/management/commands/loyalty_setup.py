"""The ready program, made once."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from fractions import Fraction
from typing import Any

from django.core.management.base import CommandError, CommandParser, no_translations

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.program import clock
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import State
from loyalty_oscar.shop.orders import statuses
from loyalty_oscar.shop.rehearsal import rehearse
from loyalty_oscar.shop.upkeep import setup
from loyalty_oscar.shop.upkeep.presets import Answers, make, presets
from loyalty_oscar.shop.upkeep.setup import MOST_BACK, WENT_LIVE, SetupResult, make_ready

from ..command import LoyaltyCommand, WrongUsage, asked

#: Fits every sentence that names the program after “the”.
NAME = "Loyalty Club"
NEXT_DRAFT = """Next:
  - look at it in the admin, under “Loyalty”: names of the points, return period, expiry
  - manage.py loyalty_doctor       says what is missing in the shop
  - manage.py loyalty_setup --live when customers are to see it; only orders placed after that earn
  - manage.py loyalty_run          every five minutes, by cron"""
NEXT_LIVE = """Next:
  - manage.py loyalty_doctor                      says what is missing in the shop
  - manage.py loyalty_run                         every five minutes, by cron
  - manage.py loyalty_welcome --since DATE        gives points for earlier orders, if you wish (--dry-run first)"""


def part_of(*, typed: str) -> Fraction:
    """Return a percentage that somebody typed; raises `WrongUsage` for what nobody gives back."""
    match = re.fullmatch(r"([0-9]{1,2})(?:[.,]([0-9]{1,2}))?", typed.strip())
    percent = Fraction(f"{match[1]}.{match[2] or 0}") if match else Fraction(0)
    if not 0 < percent <= MOST_BACK:
        raise WrongUsage(f"--cashback is a percentage from 0.01 to {MOST_BACK}, such as 2 or 2.5, not {typed!r}")
    return percent


class Command(LoyaltyCommand):
    help = "Makes a ready program, as a draft that nobody sees; called again it changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--code",
            default=None,
            help="short name of the program (default: the one that is there, else points); a new one makes a second",
        )
        parser.add_argument("--name", default=NAME, help=f"its name as customers read it after “the” (default: {NAME})")
        parser.add_argument("--currency", default=None, help="code such as EUR (default: OSCAR_DEFAULT_CURRENCY)")
        parser.add_argument(
            "--preset",
            choices=[code for code, preset in presets.items() if preset.is_there],
            default=None,
            help="a ready program as the admin offers them, under its own code; one that is there is left as it is",
        )
        parser.add_argument(
            "--cashback",
            default=None,
            metavar="PERCENT",
            help="a new program counts money in place of points, and gives back so many percent of what is paid",
        )
        parser.add_argument(
            "--levels",
            action="store_true",
            help="a new program has levels: Silver gets 1.5 times as much, Gold 2.5 times",
        )
        parser.add_argument(
            "--campaigns",
            action="store_true",
            help="adds the ready campaigns, switched off: thanks, birthday, what goes with it, who stays away and more",
        )
        parser.add_argument(
            "--live",
            action="store_true",
            help="switch it on: orders placed from now on earn; a purchase is rehearsed before, as loyalty_doctor does",
        )
        parser.add_argument(
            "--anyway",
            action="store_true",
            help="switch it on though something is open that should be said first, or the rehearsal departs",
        )

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)

    def work(
        self,
        *,
        code: str | None,
        name: str,
        currency: str | None,
        preset: str | None,
        cashback: str | None,
        levels: bool,
        campaigns: bool,
        live: bool,
        anyway: bool,
        **options: Any,
    ) -> None:
        if anyway and not live:
            raise WrongUsage("--anyway goes with --live")
        if preset and (cashback or levels or campaigns):
            raise WrongUsage("--preset says itself what is collected, and has levels and campaigns or none")
        currency = currency or setup.shop_currency()
        chosen = setup.usual(currency=currency) if cashback is None else setup.cashback(percent=part_of(typed=cashback))
        is_chosen = levels or campaigns or cashback is not None
        chosen = replace(chosen, levels=setup.RICHER if levels else (), has_campaigns=campaigns)
        program = {"name": name, "currency": currency, "at": clock.now()}
        try:
            if preset:
                ready = make(preset=presets.get(preset), code=code or preset, answers=Answers(), **program)
            else:
                ready = make_ready(code=code, choices=chosen if is_chosen else None, live=False, **program)
        except setup.WrongValue as wrong:
            raise WrongUsage(str(wrong)) from wrong
        self.tell(ready)
        is_open = statuses.is_ready_unclear() or any(statuses.questions())
        if is_open:
            self.ask()
        if live and ready.program.state == State.DRAFT:
            if is_open and not anyway:
                raise CommandError("it is not live: say first what those words mean, or say --anyway")
            self.rehearse(anyway)
            setup.go_live(program=ready.program, at=clock.now())
            ready.program.refresh_from_db(using=write_db())
            self.say(WENT_LIVE)
        self.say(NEXT_DRAFT if ready.program.state == State.DRAFT else NEXT_LIVE)

    def tell(self, ready: SetupResult) -> None:
        """Say what was made, and what was there already."""
        for title, lines in (("Made:", ready.made), ("There already, left as it is:", ready.there)):
            if lines:
                self.say(title)
                for line in lines:
                    self.say(f"  - {line}")

    def ask(self) -> None:
        """Ask what the shop's own words mean, and say what to write; where nobody is there, say what is open."""
        questions = list(statuses.questions())
        self.say("To be said in your settings, in words of your shop:")
        if statuses.is_ready_unclear():
            ends = ", ".join(statuses.candidates()) or "none"
            self.say(f"  - After which order status does the return period start (open ends: {ends})?")
            self.say("    Set LOYALTY_READY_STATUS to it.")
        for question in questions:
            self.say(f"  - {question.text}\n    {question.hint}")
        if not sys.stdin or not sys.stdin.isatty():
            return
        ready = self.choose_ready() if statuses.is_ready_unclear() else ""
        answers = {question: self.answer(question) for question in questions}
        dead = [question for question, answer in answers.items() if answer == "y"]
        harmless = [question for question, answer in answers.items() if answer == "n"]
        if lines := statuses.lines(dead=dead, harmless=harmless, ready=ready):
            self.say("Write this into your settings, then call me again:")
            for line in lines:
                self.say(f"  {line}")

    def choose_ready(self) -> str:
        """Return the status that somebody types after which the return period starts; empty: not now."""
        while True:
            typed = asked("After which order status does the return period start? (Enter: later) ")
            known = [one for one in statuses.pipeline() if statuses.is_among(word=one, words=(typed,))]
            if known or not typed:
                return known[0] if known else ""
            self.say(f"There is none of that name; there are: {', '.join(statuses.pipeline())}.")

    def answer(self, question: statuses.StatusQuestion) -> str:
        """Return y, n, or an empty text for later."""
        what = "a line" if question.is_line else "an order"
        while True:
            typed = asked(f"Did {what} in {question.status!r} come to nothing? (y, n, Enter: later) ").lower()
            if typed in ("", "y", "n"):
                return typed

    def rehearse(self, anyway: bool) -> None:
        """Play a purchase and a return with the shop's own code; refuse where a number departs, unless told not to."""
        try:
            told = rehearse(at=clock.now())
        except LoyaltyError as nothing:
            self.say(f"Not rehearsed: {nothing}.")
            return
        if told.departs is None:
            self.say(f"Rehearsed with {told.product}: all numbers agree.")
            return
        text = f"{told.departs.what}: {told.departs.got}, not {told.departs.expected}"
        text += f" ({told.fork})" if told.fork else ""
        if not anyway:
            raise CommandError(
                f"not live, because the rehearsal departs: {text}; `manage.py loyalty_doctor --rehearse` shows every "
                "number, --anyway goes on"
            )
        self.say(self.style.WARNING(f"The rehearsal departs: {text}. Going on anyway."))
