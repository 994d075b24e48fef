"""The whole past in order of time: orders and what becomes of them, and what the shop and its members do besides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from . import campaigns, catalogue, counter, friends, goals, letters, levels, loyalty, rewards, sales
from .people import Person
from .timeline import Event, Happening, timeline


def told(*, people: Sequence[Person], today: datetime) -> list[Event | Happening]:
    """Return everything up to `today` (aware), oldest first; the same `today` gives the same past."""
    articles = [article for article in catalogue.articles() if not article.secret]
    events: list[Event | Happening] = list(
        timeline(people=people, articles=articles, today=today, closed=sales.closed())
    )
    for chapter in (levels, counter, campaigns, friends, sales, rewards, goals, letters, loyalty):
        events += chapter.happenings(today=today)
    return sorted((event for event in events if event.at <= today), key=lambda event: event.at)
