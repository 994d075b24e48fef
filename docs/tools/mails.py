"""
Take the pictures of all mails: `python docs/tools/mails.py`.

Somebody lives through everything that the suite does (`tests/everything.py`) in a database of its own. The newest mail
of each kind becomes `docs/pictures/mails/<kind>.txt` and `<kind>.png`. `--keep folder` writes the HTML there, too.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures" / "mails"
PHONE, DESK = 375, 640
sys.path.insert(0, str(ROOT))


def lived() -> Iterator[tuple[str, str, str, str]]:
    """Yield code, subject, text and HTML of each kind of mail that leaves."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.test.utils import get_runner, setup_test_environment, teardown_test_environment
    from oscar.core.loading import get_model

    from tests.everything import everything

    found: dict[str, dict[str, Any]] = {}
    kinds = get_model("communication", "CommunicationEventType")
    render = kinds.get_messages

    def noted(self: Any, ctx: Any = None) -> Any:
        said = render(self, ctx)
        if ctx and (ctx.get("first_name") or self.code not in found):
            found[self.code] = said
        return said

    logging.disable()
    setup_test_environment()
    from django.conf import settings

    runner = get_runner(settings)(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    try:
        with patch.object(kinds, "get_messages", noted):
            everything()
    finally:
        runner.teardown_databases(databases)
        teardown_test_environment()
    for code, said in sorted(found.items()):
        if code.startswith("LOYALTY_"):
            yield code, said["subject"], said["body"], said["html"]


def save(shot: bytes, path: Path) -> None:
    """Write a picture with few colors, so that it weighs little."""
    from PIL import Image

    packed = BytesIO()
    Image.open(BytesIO(shot)).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
    path.write_bytes(packed.getvalue())
    print(f"{path.name}: {packed.tell():,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--keep", type=Path, help="a folder for the HTML, and for pictures at the width of a phone")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    PICTURES.mkdir(exist_ok=True)
    pages = {}
    for code, subject, text, html in lived():
        name = code.removeprefix("LOYALTY_").lower().replace("_", "-")
        (PICTURES / f"{name}.txt").write_text(f"Subject: {subject}\n\n{text.rstrip()}\n", encoding="utf-8")
        pages[name] = html
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        for name, html in pages.items():
            page = browser.new_page(viewport={"width": DESK, "height": 400}, locale="en-GB")
            page.set_content(html)
            save(page.screenshot(full_page=True), PICTURES / f"{name}.png")
            if options.keep:
                options.keep.mkdir(exist_ok=True)
                (options.keep / f"{name}.html").write_text(html, encoding="utf-8")
                page.set_viewport_size({"width": PHONE, "height": 400})
                save(page.screenshot(full_page=True), options.keep / f"{name}-phone.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
