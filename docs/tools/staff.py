"""
Take every page of staff at 1280 pixels for the docs: `python docs/tools/staff.py`.

Front page, every list and page of ours in Django's admin, and Oscar's pages where our panels stand, from the demo shop,
into `docs/pictures/staff/*.webp`: 64 colors, no taller than a page of the docs bears. `--database` takes a copy of a
seeded shop; `--only rule,front` takes some. `docs/reference/staff-pages.md` shows them.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

from pictures import DESKTOP, ROOT, Walk, manage, shop

FOLDER = ROOT / "docs" / "pictures" / "staff"
MOST_BYTES, TALLEST = 90_000, 1800
#: What a list is narrowed by, so that it shows something worth seeing; `model` as in the address of the admin.
LISTS = {
    "loyalty_program/program": "",
    "loyalty_program/member": "?o=-2",
    "loyalty_program/segment": "",
    "loyalty_program/productset": "",
    "loyalty_earning/rule": "",
    "loyalty_redemption/useterms": "",
    "loyalty_program/reward": "",
    "loyalty_redemption/claim": "",
    "loyalty_tiers/ladder": "",
    "loyalty_tiers/memberprice": "",
    "loyalty_exclusives/sale": "",
    "loyalty_referrals/scheme": "",
    "loyalty_referrals/referral": "",
    "loyalty_journeys/campaign": "",
    "loyalty_journeys/goal": "",
    "loyalty_journeys/occurrence": "",
    "loyalty_insights/aim": "",
    "loyalty_ledger/account": "?q=member@example.com",
    "loyalty_ledger/entry": "?q=member@example.com",
    "loyalty_ledger/hold": "",
    "loyalty_redemption/redemption": "?hold__state__exact=captured",
    "loyalty_program/event": "?q=member@example.com",
    "loyalty_program/delivery": "?q=member@example.com",
    "loyalty_program/jobrun": "",
    "loyalty_shop/ordersync": "?q=100302",
}
#: Rows that say more than the first of their list, by what their link says.
ROWS = {
    "loyalty_program/member": "member@example.com",
    "loyalty_program/segment": "Dog people",
    "loyalty_earning/rule": "Double paws on dog beds",
    "loyalty_exclusives/sale": "First on the trail",
    "loyalty_referrals/referral": "Katja Oberhauser",
    "loyalty_journeys/campaign": "Dog show in Leipzig",
}
#: Pages that are no list and no row.
OTHERS = {
    "front": "/admin/loyalty_program/",
    "index": "/admin/",
    "dashboard": "/loyalty/dashboard/",
    "program-set-up": "/admin/loyalty_program/program/set-up/",
    "rule-kinds": "/admin/loyalty_earning/rule/add/",
    "rule-new": "/admin/loyalty_earning/rule/add/?type=multiplier",
    "reward-kinds": "/admin/loyalty_program/reward/add/",
    "reward-new": "/admin/loyalty_program/reward/add/?type=service",
    "sale-new": "/admin/loyalty_exclusives/sale/add/",
    "calendar": "/admin/loyalty_journeys/campaign/calendar/",
    "campaign-new": "/admin/loyalty_journeys/campaign/add/?type=review",
    "goal-new": "/admin/loyalty_journeys/goal/add/",
    "segment-new": "/admin/loyalty_program/segment/add/?type=list",
    "figures": "/admin/loyalty_insights/book/",
    "pays": "/admin/loyalty_insights/book/pays/",
    "checkup": "/admin/loyalty_insights/book/checkup/",
    "members-from-a-file": "/admin/loyalty_program/member/give/",
}
#: What is pressed on the member's page, by the name of its picture.
OF_A_MEMBER = {
    "member-by-hand": "Give or take",
    "member-freeze": "Freeze the account",
    "member-merge": "Merge into another member",
    "member-level": "Give a level",
}
#: Pages of campaigns that say what came of them, by the name of the picture.
OF_CAMPAIGNS = {"campaign-result": "The feast of the Paw Club"}
CUSTOMER, ORDER = "/dashboard/users/?search=&email=member@example.com", "/dashboard/orders/100302/"


def name_of(*, model: str) -> str:
    """Return what the pictures of a model begin with: "ordersync"."""
    return model.partition("/")[2]


class Desk(Walk):
    """Somebody of staff who takes pictures of whole pages."""

    def settle(self) -> None:
        """Put the list of all apps away; it is the same everywhere."""
        self.page.add_init_script("localStorage.setItem('django.admin.navSidebarIsOpen', 'false')")

    def keep(self, name: str, *, of: str = "", tallest: int = TALLEST) -> None:
        """Take the page, or one part of it, as high as it is but no higher than `tallest`."""
        from PIL import Image

        found = self.page.locator(of).first if of else None
        shot = (found or self.page).screenshot(animations="disabled", **({} if found else {"full_page": True}))
        picture = Image.open(BytesIO(shot)).convert("RGB")
        picture = picture.crop((0, 0, picture.width, min(picture.height, tallest)))
        for colors in (64, 48, 32):
            packed = BytesIO()
            few = picture.quantize(colors, dither=Image.Dither.NONE).convert("RGB")
            few.save(packed, "WEBP", lossless=True, quality=100, method=6)
            if packed.tell() < MOST_BYTES:
                break
        else:
            raise SystemExit(f"{name}.webp weighs {packed.tell():,} bytes")
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{name}.webp").write_bytes(packed.getvalue())
        print(f"{name}.webp: {picture.width} x {picture.height}, {packed.tell():,} bytes")


def take(*, desk: Desk, only: list[str]) -> None:
    """Walk through all pages."""

    def wanted(name: str) -> bool:
        return not only or any(name.startswith(one) for one in only)

    for name, address in OTHERS.items():
        if wanted(name):
            desk.go(address)
            desk.keep(name, of="#content .app-loyalty_program, .app-loyalty_program" if name == "index" else "")
    for model, narrowed in LISTS.items():
        name = name_of(model=model)
        if not wanted(name):
            continue
        desk.go(f"/admin/{model}/{narrowed}")
        desk.keep(f"{name}-list", tallest=900)
        link = desk.page.locator("#result_list tbody a[href*='/change/']", has_text=ROWS.get(model, ""))
        if link.count():
            link.first.click()
            desk.page.wait_for_load_state()
            desk.keep(name)
    for name, title in OF_CAMPAIGNS.items():
        if wanted(name):
            desk.go("/admin/loyalty_journeys/campaign/")
            desk.page.locator("#result_list").get_by_role("link", name=title).click()
            desk.page.wait_for_load_state()
            desk.keep(name, tallest=1000)
    if wanted("program-choose"):
        desk.go("/admin/loyalty_program/program/choose/")
        desk.page.locator(".submit-row [type=submit]").click()
        desk.page.wait_for_load_state()
        desk.keep("program-choose")
    if wanted("member-"):
        of_a_member(desk=desk)
    if wanted("dashboard-"):
        on_the_dashboard(desk=desk)


def of_a_member(*, desk: Desk) -> None:
    """Take what is done from the page of a member."""
    for name, button in OF_A_MEMBER.items():
        desk.go("/admin/loyalty_program/member/?q=silver@example.com")
        desk.page.locator("#result_list tbody th a").first.click()
        desk.page.wait_for_load_state()
        desk.page.get_by_role("link", name=button).click()
        desk.page.wait_for_load_state()
        desk.keep(name)


def on_the_dashboard(*, desk: Desk) -> None:
    """Take what stands on Oscar's pages of a customer and an order, and what is done there."""
    desk.go(CUSTOMER)
    desk.page.locator("table a[href*='/dashboard/users/']", has_text="member@example.com").first.click()
    desk.page.wait_for_load_state()
    desk.keep("dashboard-customer")
    desk.page.get_by_role("link", name="Give goodwill").click()
    desk.page.wait_for_load_state()
    desk.keep("dashboard-goodwill")
    desk.go(ORDER)
    desk.keep("dashboard-order")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", type=Path, help="the SQLite file of a seeded demo shop, left as it is")
    parser.add_argument("--only", default="", help="how the names of pictures begin, with commas between")
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with shop(database=asked.database) as address, sync_playwright() as playwright:
        # The checklist of the front page asks whether the jobs run.
        subprocess.run(manage("loyalty_run"), check=True, stdout=subprocess.DEVNULL)
        browser: Any = playwright.chromium.launch(executable_path=chromium)
        desk = Desk(browser, address, DESKTOP, email="admin@example.com")
        desk.settle()
        take(desk=desk, only=[name for name in asked.only.split(",") if name])
        browser.close()


if __name__ == "__main__":
    main()
