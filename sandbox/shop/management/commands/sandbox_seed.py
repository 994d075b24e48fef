"""Fill the demo shop: tables, catalogue, pictures, people, and eighteen months of orders up to today."""

from __future__ import annotations

import gc
import time
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from typing import Any

from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.test.utils import override_settings
from django.utils import timezone

from loyalty_oscar.insights.operations import SETTLED, count
from sandbox.seed import catalogue, friends, goals, history, levels, loyalty, people, pictures, story, tables
from sandbox.seed.timeline import DAYS, ZONE, Event, Happening, joined
from sandbox.shop.models import SeedRun

#: How seldom garbage is sought: nearly all that a seed makes is gone by itself.
SELDOM = (50_000, 20, 100)
MEANWHILE = {
    # Django keeps every query while this is on, and asks SQLite for each how its parameters are written.
    "DEBUG": False,
    "EMAIL_BACKEND": "sandbox.mail.LastLetters",
}
TOLD_EACH = 400


class Command(BaseCommand):
    help = (
        "Fill the demo shop with tables, a catalogue, people and 18 months of orders. Does nothing where that is done; "
        "goes on where it was stopped. For a fresh past, empty the database first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--address", default="127.0.0.1:8000", metavar="HOST:PORT", help="where it is served: links lead there"
        )

        parser.add_argument(
            "--cashback",
            action="store_true",
            help="the club gives 2, 3 and 5 % back, in place of paws: for a fresh past",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        gc.set_threshold(*SELDOM)
        with override_settings(**MEANWHILE), history.shelves_that_nobody_watches():
            self._open(address=options["address"], is_money=options["cashback"])

    def _open(self, *, address: str, is_money: bool) -> None:
        self.last = time.monotonic()
        with ProcessPoolExecutor(max_workers=1) as beside:
            drawn = [beside.submit(pictures.draw, **one) for one in catalogue.missing_pictures()]
            self._done("tables", tables.make())
            self._fill(address=address, is_money=is_money)
            for one in drawn:
                one.result()  # It raises what went wrong.
            self._done("pictures drawn beside it", len(drawn))
        self._say(f"Log in at http://{address}/accounts/login/ with the password {people.password()}")

    def _fill(self, *, address: str, is_money: bool) -> None:
        # At each start, because a shop that was filled for one port may be served at another.
        Site.objects.update_or_create(pk=1, defaults={"domain": address, "name": "Tumblepaw"})
        run = SeedRun.objects.first() or SeedRun.objects.create(today=timezone.now().astimezone(ZONE))
        if run.finished_at:
            self._say(f"The shop is ready; its past ends on {run.today:%d %B %Y}.")
            return
        today = run.today.astimezone(ZONE)
        opened = today - timedelta(days=DAYS + 1)
        everybody = people.everybody()
        events = story.told(people=everybody, today=today)
        with transaction.atomic():
            catalogue.load(at=opened)
            self._done("products", len(catalogue.data()["product"]))
            came = {person.email: friends.came_at(person=person, today=today) for person in everybody if person.invited}
            people.load(people=everybody, joined=joined(events) | came, at=today)
            history.open_the_store_room()
        self._done("people", len(everybody))
        with loyalty.clock(opened):
            loyalty.open_club(at=opened, is_money=is_money)
            levels.open_ladder(at=opened)
        self._done("levels of the club", len(levels.LEVELS))
        try:
            self._live_through(run, events, loyalty.Days(today=today))
        except KeyboardInterrupt:
            raise CommandError("Stopped half-way. Run the same command again and it goes on from here.") from None
        history.count_the_stock(articles=catalogue.articles())
        SeedRun.objects.filter(pk=run.pk).update(finished_at=timezone.now())

    def _live_through(self, run: SeedRun, events: list[Event | Happening], days: loyalty.Days) -> None:
        player = history.History(people={person.email: person for person in people.everybody()}, events=events)
        for number, event in enumerate(events[run.events :], start=run.events + 1):
            with loyalty.clock(event.at):
                if not player.comes_later(event):
                    with transaction.atomic():
                        player.play(event)
                        SeedRun.objects.filter(pk=run.pk).update(events=number)
                days.after_event(at=event.at)
            if number % TOLD_EACH == 0 or number == len(events):
                self._done(f"of {len(events):,} events, up to {event.at:%B %Y}", number)
        days.end()
        with loyalty.clock(run.today):
            goals.set_aims(at=run.today)
            loyalty.bring_paper_cards(people=people.demo(), at=run.today)
            left = player.leave_baskets(at=run.today)
        # Nothing else writes here, so nobody has to wait an hour until the figures are those of the front page.
        deque(count(at=run.today + SETTLED), maxlen=0)
        self._done("baskets left, and what is due today", left)

    def _done(self, words: str, count: int) -> None:
        """Tell what a step has made, and how long it took; nothing where it found everything there."""
        now = time.monotonic()
        if count:
            self._say(f"{f'{count:,} {words}':<44}{now - self.last:6.1f} s")
        self.last = now

    def _say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()
