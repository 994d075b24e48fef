"""All mails in a real Chromium: nothing sideways on a phone, and nothing for axe to find, with images and without."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.stage import at_widths
from tests.everything import everything

pytestmark = pytest.mark.django_db
PHONE, MAIL = 375, 600


class TestEveryMail:
    def test_fits_and_gives_axe_nothing_to_find(self, browser, settings):
        settings.LOYALTY_MAIL_EMBLEM = "shop/paw.png"
        letters = {letter.subject: letter.alternatives[0][0] for letter in everything().letters if letter.alternatives}
        ours = {subject: html for subject, html in letters.items() if "loyalty/go/" in html}
        assert len(ours) > 10
        page = browser.new_page(viewport={"width": MAIL, "height": 800})
        page.route("**/*", lambda route: route.abort())  # No picture comes: names and numbers stand without.
        for subject, html in ours.items():
            assert len(re.findall(r"<img[^>]* alt=", html)) == html.count("<img") > 0
            page.set_content(html)
            found = Axe().run(page).response["violations"]
            assert [(subject, rule["id"], rule["nodes"][0]["html"][:120]) for rule in found] == []
            for width in at_widths(page, (PHONE, MAIL)):
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (subject, width)
        page.close()
