"""
Take every page that customers, guests and invited friends see, at 1280 and at 375 pixels: `python docs/tools/pages.py`.

For looking at, beside what was drawn: the pictures land in `build/pages` (`--to` names another folder), whole pages in
few colors. The ones of the README and the docs are taken by `pictures.py`, which this walks like. `--database` takes a
copy of a seeded shop; `--only levels,basket` takes some of the pages.
"""

from __future__ import annotations

import argparse
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

from pictures import BED, DESKTOP, PHONE, ROOT, Walk, shop

SALE = "/loyalty/sales/first-on-the-trail/"
#: Who (a login, "" is a stranger), how the picture is called, and the address; `{bed}` and the like are looked up.
PAGES = (
    ("", "home", "/"),
    ("", "login", "/accounts/login/"),
    ("", "list", "/catalogue/"),
    ("", "product", "{bed}"),
    ("", "how-it-works", "/loyalty/how-it-works/"),
    ("", "levels", "/loyalty/levels/"),
    ("", "sale", SALE),
    ("", "invitation", "{invitation}"),
    ("new", "account", "/loyalty/"),
    ("member", "account", "/loyalty/"),
    ("member", "statement", "/loyalty/statement/"),
    ("member", "levels", "/loyalty/levels/"),
    ("member", "mails", "/loyalty/mails/"),
    ("member", "invite", "/loyalty/invite/"),
    ("member", "list", "/catalogue/"),
    ("member", "product", "{bed}"),
    ("member", "basket", "/basket/"),
    ("member", "orders", "/accounts/orders/"),
    ("member", "profile", "/accounts/profile/"),
    ("member", "leave", "/accounts/profile/delete/"),
    ("silver", "account", "/loyalty/"),
    ("silver", "sale", SALE),
    ("silver", "basket", "/basket/"),
    ("gold", "account", "/loyalty/"),
    ("gold", "sale", SALE),
    ("gold", "sales", "/loyalty/sales/"),
    ("slipping", "account", "/loyalty/"),
    ("expiring", "account", "/loyalty/"),
    ("owing", "account", "/loyalty/"),
    ("using", "account", "/loyalty/"),
    ("using", "basket", "/basket/"),
    ("using", "statement", "/loyalty/statement/"),
    ("invited", "account", "/loyalty/"),
    ("invited", "basket", "/basket/"),
    ("plenty", "account", "/loyalty/"),
    ("plenty", "basket", "/basket/"),
)


def invitation(*, walk: Walk) -> str:
    """Return the path of Boris's invitation, which the login page of the demo shop tells strangers."""
    walk.go("/accounts/login/")
    return walk.page.locator("a[href*='/loyalty/invite/']").first.evaluate("a => a.pathname + a.search")


def keep(*, shot: bytes, name: str, folder: Path) -> None:
    """Write a picture in 64 colors."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.open(BytesIO(shot)).convert("RGB").quantize(64, dither=Image.Dither.NONE)
    picture.save(folder / f"{name}.png", "PNG", optimize=True)


def take(*, browser: Any, address: str, folder: Path, only: list[str]) -> None:
    """Walk through all pages, each person once at each width."""
    for viewport in (DESKTOP, PHONE):
        walks = {"": Walk(browser, address, viewport)}
        known = {"bed": BED, "invitation": invitation(walk=walks[""])}
        for who, name, path in PAGES:
            if only and name not in only and who not in only:
                continue
            if who not in walks:
                walks[who] = Walk(browser, address, viewport, email=f"{who}@example.com")
            walks[who].go(path.format(**known))
            shot = walks[who].page.screenshot(animations="disabled", full_page=True)
            keep(shot=shot, name=f"{name}-{who or 'stranger'}-{viewport['width']}", folder=folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "pages", help="the folder of the pictures")
    parser.add_argument("--database", type=Path, help="the SQLite file of a seeded demo shop, left as it is")
    parser.add_argument("--only", default="", help="names of pages or people, with commas between")
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with shop(database=asked.database) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        only = [name for name in asked.only.split(",") if name]
        take(browser=browser, address=address, folder=asked.to, only=only)
        browser.close()


if __name__ == "__main__":
    main()
