"""
What stories in a browser share: a calendar that the shop and the browsers go by, and people with a browser each.

A story is lived once, on a phone or at a desk; what fits is asked of the same page at several widths, because asking
the shop for it again costs a hundred times as much as laying it out anew.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import time_machine
from django.conf import settings as django_settings
from django.test import Client

PHONE, DESK = 375, 1280
#: Two frames, and whatever fades or slides to its place then; what turns for ever is not waited for.
SETTLED = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => Promise.allSettled(
    document.getAnimations().filter(one => one.effect.getComputedTiming().endTime < 1e6).map(one => one.finished)
).then(() => done()))))"""


def at_widths(page, widths: Sequence[int] = (PHONE, DESK)) -> Iterator[int]:
    """Let a page have each of these widths in turn, and in the end the one it had."""
    before = page.viewport_size
    page.mouse.move(0, 0)  # What it happens to lie on would be seen in another color.
    for width in widths:
        page.set_viewport_size({**before, "width": width})
        page.evaluate(SETTLED)
        yield width
    page.set_viewport_size(before)


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


#: Finds the words of ours that stand on more than one line, and numbers on another line than their word. A word of
#: more than MOST letters may break: names that people typed are up to forty long.
BROKEN = """most => {
    const found = [], range = document.createRange();
    const lines = (node, from, to) => {
        range.setStart(node, from);
        range.setEnd(node, to);
        const tops = [...range.getClientRects()].filter(box => box.width > 0).map(box => Math.round(box.top));
        return new Set(tops).size;
    };
    for (const part of document.querySelectorAll("[class*=loyalty]")) {
        const walk = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
            const node = walk.currentNode;
            for (const word of node.data.matchAll(/[^\\s\u00a0/-]+/g)) {
                const {index, 0: text} = word;
                if (text.length <= most && lines(node, index, index + text.length) > 1) found.push(text);
            }
            for (const pair of node.data.matchAll(/[\\d.,]+\u00a0[^\\s\u00a0/-]+/g)) {
                const {index, 0: text} = pair, parted = node.parentElement.closest(".loyalty-hero, .loyalty-big");
                if (!parted && text.length <= most && lines(node, index, index + text.length) > 1) found.push(text);
            }
        }
    }
    return [...new Set(found)];
}"""
MOST = 24


def broken(page):
    """The words of ours on a page that are broken in the middle, and the numbers that stand apart from their word."""
    return page.evaluate(BROKEN, MOST)


#: The innermost elements that end right of the window.
STICKS_OUT = """width => [...document.body.querySelectorAll("*")]
  .filter(one => one.getBoundingClientRect().right > width + 1 && ![...one.children].some(
    child => child.getBoundingClientRect().right > width + 1))
  .map(one => one.outerHTML.slice(0, 200))"""


def picture(page, name):
    """Keep a picture of a page where LOYALTY_PICTURES names a folder; nothing sticks out sideways."""
    width = page.viewport_size["width"]
    if folder := os.environ.get("LOYALTY_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
    if page.evaluate("document.documentElement.scrollWidth") > width:
        raise AssertionError(f"{name} sticks out at {width}: {page.evaluate(STICKS_OUT, width)}")


def fits(page, name, widths: Sequence[int] = (PHONE, DESK)):
    """Nothing of a page sticks out sideways at any of these widths."""
    for _width in at_widths(page, widths):
        picture(page, name)


def looked_at(page, name, widths: Sequence[int] = (PHONE, DESK)):
    """Nothing of a page sticks out sideways and no word of ours is broken, at any of these widths."""
    for width in at_widths(page, widths):
        picture(page, name)
        found = broken(page)
        assert found == [], f"{name} at {width}: {found}"


def words(page, where="body"):
    """What a part of a page says, with plain spaces."""
    return " ".join(page.locator(where).first.inner_text().replace("\xa0", " ").replace("\u2060", "").split())
