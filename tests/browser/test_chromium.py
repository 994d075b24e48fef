"""The browser that journeys run in is a real one."""

import pytest

from tests.conftest import find_chromium


class TestAMissingChromium:
    @pytest.mark.parametrize(("required", "outcome"), [("0", pytest.skip.Exception), ("1", pytest.fail.Exception)])
    def test_skips_or_fails_as_asked(self, monkeypatch, required, outcome):
        monkeypatch.setenv("PATH", "")
        monkeypatch.setenv("LOYALTY_REQUIRE_BROWSER", required)
        with pytest.raises(outcome, match="No Chromium"):
            find_chromium()


class TestTheBrowser:
    @pytest.mark.parametrize("width", [320, 375, 800, 1280])
    def test_shows_the_shop_with_its_styles_and_no_errors(self, browser, live_server, width):
        errors = []
        with browser.new_page(viewport={"width": width, "height": 800}) as page:
            page.on("pageerror", lambda error: errors.append(error))
            page.on("response", lambda response: response.status >= 400 and errors.append(response.url))

            page.goto(f"{live_server.url}/catalogue/")

            assert page.locator("h1").is_visible()
            assert page.evaluate("document.styleSheets.length") > 0
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert errors == []
