"""Fill the demo shop: catalogue, pictures, people, and eighteen months of orders up to today."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from sandbox.seed import catalogue, friends, history, levels, loyalty, people, story
from sandbox.seed.timeline import DAYS, ZONE, Event, Happening, joined
from sandbox.shop.models import SeedRun


class Command(BaseCommand):
    help = (
        "Fill the demo shop with a catalogue, people and 18 months of orders. Does nothing where that is done; "
        "goes on where it was stopped. For a fresh past, empty the database first."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        drawn = catalogue.draw_pictures()
        self._say(f"{drawn} pictures drawn", shown=drawn > 0)
        run = SeedRun.objects.first() or SeedRun.objects.create(today=timezone.now().astimezone(ZONE))
        if run.finished_at:
            self._say(f"The shop is ready; its past ends on {run.today:%d %B %Y}.")
            return
        today = run.today.astimezone(ZONE)
        opened = today - timedelta(days=DAYS + 1)
        everybody = people.everybody()
        events = story.told(people=everybody, today=today)
        with transaction.atomic():
            Site.objects.update_or_create(pk=1, defaults={"domain": "127.0.0.1:8000", "name": "Tumblepaw"})
            catalogue.load(at=opened)
            came = {person.email: friends.came_at(person=person, today=today) for person in everybody if person.invited}
            people.load(people=everybody, joined=joined(events) | came, at=today)
            history.open_the_store_room()
        self._say(f"{len(catalogue.data()['product'])} products, {len(everybody)} people")
        with loyalty.clock(opened):
            loyalty.open_club(at=opened)
            levels.open_ladder(at=opened)
        try:
            self._live_through(run, events, loyalty.Days(today=today))
        except KeyboardInterrupt:
            raise CommandError("Stopped half-way. Run the same command again and it goes on from here.") from None
        history.count_the_stock(articles=catalogue.articles())
        SeedRun.objects.filter(pk=run.pk).update(finished_at=timezone.now())
        self._say(f"Done. Log in at /accounts/login/ with the password {people.password()}")

    def _live_through(self, run: SeedRun, events: list[Event | Happening], days: loyalty.Days) -> None:
        player = history.History(people={person.email: person for person in people.everybody()})
        began = time.monotonic()
        for number, event in enumerate(events[run.events :], start=run.events + 1):
            with loyalty.clock(event.at):
                with transaction.atomic():
                    player.play(event)
                    SeedRun.objects.filter(pk=run.pk).update(events=number)
                days.after_event(at=event.at)
            if number % 200 == 0 or number == len(events):
                self._say(f"{event.at:%B %Y}: {number} of {len(events)} events, {time.monotonic() - began:.0f} s")
        days.end()
        with loyalty.clock(run.today):
            loyalty.bring_paper_cards(people=people.demo(), at=run.today)
            player.leave_baskets(at=run.today)

    def _say(self, words: str, *, shown: bool = True) -> None:
        if shown:
            self.stdout.write(words)
            self.stdout.flush()
