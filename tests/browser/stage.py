"""What stories in a browser share: a calendar that the shop and the browsers go by, and people with a browser each."""

import os
from pathlib import Path

import pytest
import time_machine
from django.conf import settings as django_settings
from django.test import Client


class Calendar:
    """The present moment of a story, for the shop, its server and every browser; it ticks on from where it is set."""

    def __init__(self):
        self.moment, self._browsers, self._moved = None, [], None

    def turn_to(self, moment):
        """Let it be another moment for everybody."""
        self.stop()
        self.moment, self._moved = moment, time_machine.travel(moment, tick=True)
        self._moved.start()
        for browser in self._browsers:
            browser.clock.set_fixed_time(moment)

    def hang_in(self, browser):
        """Let one more browser go by this calendar."""
        self._browsers.append(browser)
        if self.moment:
            browser.clock.set_fixed_time(self.moment)

    def stop(self):
        """Let it be the time that it really is."""
        if self._moved:
            self._moved.stop()
        self._moved = None


@pytest.fixture
def calendar():
    """A calendar to turn; afterwards it is today again."""
    calendar = Calendar()
    yield calendar
    calendar.stop()


@pytest.fixture
def arrive_at(browser, live_server, calendar, settings):
    """Give somebody (a user, or a stranger) a browser of a width in a time zone; returns its page."""
    settings.SESSION_COOKIE_AGE = 400 * 86_400  # Nobody signs in again because weeks went by in a story.
    contexts, errors = [], []

    def one(user=None, *, width, zone="Europe/Berlin"):
        context = browser.new_context(
            viewport={"width": width, "height": 800}, base_url=live_server.url, timezone_id=zone
        )
        contexts.append(context)
        calendar.hang_in(context)
        context.set_default_timeout(10_000)
        # Oscar's own page of an order in the dashboard calls a function of its own that is not there.
        context.on("weberror", lambda found: "oscar.dashboard" in str(found.error) or errors.append(str(found.error)))
        context.on("response", lambda answer: answer.status >= 500 and errors.append(answer.url))
        if user:
            client, name = Client(), django_settings.SESSION_COOKIE_NAME
            client.force_login(user)
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        return context.new_page()

    yield one
    for context in contexts:
        context.close()
    assert errors == []


def looked_at(page, name):
    """Nothing of a page sticks out sideways; a picture of it is kept where LOYALTY_PICTURES names a folder."""
    if folder := os.environ.get("LOYALTY_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}-{page.viewport_size['width']}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], name


def words(page, where="body"):
    """What a part of a page says, with plain spaces."""
    return " ".join(page.locator(where).first.inner_text().replace("\xa0", " ").split())
