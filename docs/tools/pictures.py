"""
Take the pictures of the README and the docs from the demo shop: `python docs/tools/pictures.py`.

Seeds a shop in a folder of its own (half a minute), serves it, walks through it in Chromium and writes
`docs/pictures/*.png`, small enough for a page. `--database shop.sqlite3` takes a copy of a seeded one instead.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
PASSWORD = "loyalty-demo"
BED = "/catalogue/orthopaedic-bed-for-large-dogs-moss-green-110-80-cm_4/"
MOST_BYTES = 150_000
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 780}
sys.path.insert(0, str(ROOT))


def manage(*words: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *words]


@contextmanager
def shop(*, database: Path | None) -> Iterator[str]:
    """Serve a seeded shop on a free port and yield its address; DATABASE_URL leads to its database meanwhile."""
    from tests.services import free_port

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "shop.sqlite3"
        os.environ["DATABASE_URL"] = f"sqlite:///{copy}"
        if database:
            copy_of(database, copy)
        else:
            subprocess.run(manage("sandbox_seed"), check=True)
        port = free_port()
        server = subprocess.Popen(manage("runserver", "--noreload", f"127.0.0.1:{port}"), stderr=subprocess.DEVNULL)
        try:
            yield wait_for(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.wait()


def copy_of(database: Path, copy: Path) -> None:
    """Copy a database with what is still in its write-ahead log."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def wait_for(address: str) -> str:
    for _try in range(60):
        try:
            urllib.request.urlopen(address + "/accounts/login/", timeout=5).close()
        except OSError:
            time.sleep(1)
        else:
            return address
    raise SystemExit("the shop did not start")


def save(shot: bytes, name: str) -> None:
    """Write a picture with few colors, so that it weighs little."""
    from PIL import Image

    picture = Image.open(BytesIO(shot)).convert("RGB")
    for colors in (256, 128, 64, 32):
        packed = BytesIO()
        picture.quantize(colors, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
        if packed.tell() < MOST_BYTES:
            break
    else:
        raise SystemExit(f"{name}.png weighs {packed.tell():,} bytes")
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.png").write_bytes(packed.getvalue())
    print(f"{name}.png: {picture.width} x {picture.height}, {packed.tell():,} bytes")


class Walk:
    """A visitor of the shop who takes pictures."""

    def __init__(self, browser: Any, address: str, viewport: dict[str, int], *, email: str = "") -> None:
        self.address = address
        # Not the language and the hours of this machine's browser: the pictures are English, the shop is German.
        self.page = browser.new_page(viewport=viewport, locale="en-GB", timezone_id="Europe/Berlin")
        if email:
            self.go("/accounts/login/")
            self.page.fill("#id_login-username", email)
            self.page.fill("#id_login-password", PASSWORD)
            self.page.press("#id_login-password", "Enter")
            self.page.wait_for_url(lambda found: "/login/" not in found)

    def go(self, path: str) -> None:
        self.page.goto(self.address + path, wait_until="load")

    def open_first(self, path: str) -> None:
        """Open the page of the first row of a list in the admin, without the list of all apps beside it."""
        self.go(path)
        self.page.locator("#result_list tbody th a").first.click()
        self.page.wait_for_url("**/change/**")
        if self.page.locator(".main.shifted").count():
            self.page.click("#toggle-nav-sidebar")
            self.page.evaluate("window.scrollTo(0, 0)")

    def shoot(self, name: str, *, show: str = "", height: int = 0) -> None:
        """Take the window, made `height` pixels high, with the element `show` near its top."""
        if height:
            self.page.set_viewport_size({"width": self.page.viewport_size["width"], "height": height})
        if show:
            self.page.locator(show).first.evaluate("e => window.scrollTo(0, e.getBoundingClientRect().top - 120)")
        save(self.page.screenshot(animations="disabled"), name)

    def cut_out(self, name: str, *, show: str) -> None:
        """Take one element of the page, with a little of what is around it."""
        box = self.page.locator(show).first.bounding_box()
        clip = {"x": box["x"] - 16, "y": box["y"] - 16, "width": box["width"] + 32, "height": box["height"] + 32}
        save(self.page.screenshot(animations="disabled", full_page=True, clip=clip), name)

    def open_why(self) -> None:
        """Open the first "Why?" of the page."""
        self.page.locator(".loyalty-why summary").first.click()


def use(walk: Walk, points: int) -> None:
    """Use so many points on the basket that is open, and wait for the answer."""
    walk.page.evaluate("document.getElementById('points').dataset.old = 1")
    walk.page.fill("#points-number", str(points))
    walk.page.press("#points-number", "Enter")
    walk.page.locator("#points:not([data-old])").wait_for()


def empty(walk: Walk) -> None:
    """Take everything out of the basket."""
    walk.go("/basket/")
    while walk.page.locator("a[data-behaviours=remove]").count():
        walk.page.locator("a[data-behaviours=remove]").first.click()
        walk.page.wait_for_timeout(1500)
        walk.go("/basket/")


def buy(walk: Walk, path: str) -> None:
    """Buy one product through the checkout, as somebody who has an address."""
    page = walk.page
    walk.go(path)
    page.locator("form[action*='/basket/add/'] button[type=submit]").first.click()
    walk.go("/checkout/shipping-address/")
    page.click("text=Ship to your default shipping address")
    while not page.url.endswith(("/preview/", "/thank-you/")):
        page.locator("#content_inner, main, body").first.wait_for()
        page.locator("button:has-text('Select'), a.btn:has-text('Continue'), button:has-text('Continue')").first.click()
        page.wait_for_load_state()
    page.click("text=Place order")
    page.wait_for_url("**/thank-you/")


def mail_about(topic: str, email: str) -> str:
    """Return the newest letter of a topic to somebody as HTML, as it would leave now."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop lives in this thread.
    import django

    django.setup()
    from oscar.core.loading import get_class

    from loyalty_oscar.program import clock
    from loyalty_oscar.program.models import Event
    from loyalty_oscar.shop.notices.letters import language_of, write

    event = Event.objects.filter(topic=topic, member__user__email=email).latest("pk")
    with language_of(user=event.member.user):
        letter = write(event=event, at=clock.now())
        context = {"user": event.member.user, **letter.context}
        return get_class("communication.utils", "Dispatcher")().get_messages(letter.code, context)["html"]


def take(browser: Any, address: str, *, bed: str) -> None:
    """Take all pictures."""
    take_levels(browser, address)
    take_points(browser, address, bed=bed)


def take_levels(browser: Any, address: str) -> None:
    """Take levels, sales and friends; nothing is bought."""
    silver = Walk(browser, address, DESKTOP, email="silver@example.com")
    silver.go("/loyalty/")
    silver.cut_out("level", show=".loyalty-level-card")
    silver.go("/loyalty/levels/")
    silver.cut_out("levels", show=".loyalty-ladder")
    silver.go("/loyalty/sales/first-on-the-trail/")
    silver.shoot("sale-locked", height=960)
    plenty = Walk(browser, address, DESKTOP, email="plenty@example.com")
    plenty.go("/loyalty/rewards/")
    plenty.shoot("rewards", height=1080)
    gold = Walk(browser, address, DESKTOP, email="gold@example.com")
    gold.go("/loyalty/sales/first-on-the-trail/")
    gold.shoot("sale", height=840)
    member = Walk(browser, address, DESKTOP, email="member@example.com")
    member.go("/loyalty/invite/")
    member.shoot("invite", height=1540)
    admin = Walk(browser, address, DESKTOP, email="admin@example.com")
    admin.open_first("/admin/loyalty_tiers/ladder/")
    admin.shoot("admin-levels", height=1000)
    admin.open_first("/admin/loyalty_referrals/referral/?state__exact=review")
    admin.shoot("admin-friend", height=840)
    admin.go("/admin/loyalty_insights/book/?_popup=1")
    admin.shoot("admin-figures", height=1320)


def take_points(browser: Any, address: str, *, bed: str) -> None:
    """Take earning and using; the member buys a bed."""
    member = Walk(browser, address, DESKTOP, email="member@example.com")
    member.go("/loyalty/")
    member.shoot("points", height=1000)
    member.go(bed)
    member.open_why()
    member.shoot("product", height=840)

    phone = Walk(browser, address, PHONE, email="member@example.com")
    phone.go("/loyalty/")
    phone.shoot("points-phone")
    member.go("/basket/")
    use(member, 500)
    member.shoot("basket", show="#points", height=1000)
    phone.go("/basket/")
    phone.shoot("basket-phone", show="#points")
    # What lies in the basket would be bought along with the bed below.
    use(member, 0)
    empty(member)
    buy(phone, bed)
    phone.open_why()
    phone.shoot("thank-you-phone")

    admin = Walk(browser, address, DESKTOP, email="admin@example.com")
    admin.go("/admin/loyalty_earning/rule/")
    admin.page.click("text=Double paws on dog beds")
    admin.page.wait_for_load_state()
    admin.shoot("admin-rule", height=840)
    admin.go("/dashboard/users/?search=&email=member@example.com")
    admin.page.locator("a[href*='/dashboard/users/']:has-text('member@example.com')").first.click()
    admin.page.wait_for_load_state()
    admin.shoot("dashboard", show="[data-loyalty=available]")

    letter = browser.new_page(viewport={"width": 640, "height": 780}, locale="en-GB")
    letter.set_content(mail_about("points-earned", "member@example.com"))
    save(letter.screenshot(full_page=True), "mail")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--database", type=Path, help="a seeded SQLite database, which is copied")
    parser.add_argument("--bed", default=BED)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with shop(database=options.database) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        take(browser, address, bed=options.bed)
        browser.close()


if __name__ == "__main__":
    main()
