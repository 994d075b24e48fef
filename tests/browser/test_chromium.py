"""The browser that journeys run in is a real one."""

import pytest

from tests.browser.stage import at_widths
from tests.conftest import find_chromium


class TestAMissingChromium:
    @pytest.mark.parametrize(("required", "outcome"), [("0", pytest.skip.Exception), ("1", pytest.fail.Exception)])
    def test_skips_or_fails_as_asked(self, monkeypatch, required, outcome):
        monkeypatch.setenv("PATH", "")
        monkeypatch.setenv("LOYALTY_REQUIRE_BROWSER", required)
        with pytest.raises(outcome, match="No Chromium"):
            find_chromium()


class TestTheBrowser:
    def test_shows_the_shop_with_its_styles_and_no_errors(self, browser, live_server):
        errors = []
        with browser.new_page() as page:
            page.on("pageerror", lambda error: errors.append(error))
            page.on("response", lambda response: response.status >= 400 and errors.append(response.url))

            page.goto(f"{live_server.url}/catalogue/")

            assert page.evaluate("document.styleSheets.length") > 0
            for width in at_widths(page, [320, 375, 800, 1280]):
                assert page.locator("h1").is_visible(), width
                assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert errors == []
