"""What all tests share: marks by folder, the servers, and a Chromium."""

import gc
import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from loyalty_oscar.program import queries
from loyalty_oscar.shop.redemption.promise import _thawed
from loyalty_oscar.testing.plugin import _loyalty_flush, _loyalty_forget  # noqa: F401 - what the plugin does for a store
from tests import once, services, template
from tests.databases import needs_postgres_alone
from tests.emptying import instead_of_flushing
from tests.fixtures import account, boris, earned_unit, today, user  # noqa: F401 - what many tests share

FOLDER_MARKS = {"crowd", "browser", "projects"}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_collection_modifyitems(items):
    """
    Tests of tests/crowd carry the mark `crowd`, and so on; crowds need a database that takes many at once.

    What need not run on SQLite carries the mark `postgres`.
    """
    here = Path(__file__).parent
    postgres = settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
    for item in items:
        folder = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        if folder in FOLDER_MARKS:
            item.add_marker(folder)
        if folder and needs_postgres_alone(item.path.relative_to(here)):
            item.add_marker("postgres")
        if folder == "crowd" and not postgres:
            item.add_marker(pytest.mark.skip(reason="needs LOYALTY_TEST_DB=postgres"))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings):
    """The test database begins as a copy of one that is migrated already."""
    template.use(connection, settings.INSTALLED_APPS)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """What a test commits is deleted after it, where Django would truncate each table."""
    with ExitStack() as stack:
        with django_db_blocker.unblock():
            stack.enter_context(instead_of_flushing())
        yield


def pytest_collection_finish():
    """What was imported stays; looking through it for garbage again and again cost a tenth of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*template.SELDOM)


@pytest.fixture(autouse=True)
def nothing_is_counted_yet():
    """No test has used up what another may try; tries are counted in the cache."""
    cache.clear()


@pytest.fixture(autouse=True)
def slow_machines_count_as_others_do():
    """Versions of programs are read anew after a second: of a page that takes longer, one query more was counted."""
    with pytest.MonkeyPatch.context() as patch:  # Not the test's own, which would make each shop anew.
        patch.setattr(queries, "WORK_SECONDS", 15)
        yield


@pytest.fixture(autouse=True)
def no_basket_was_thawed_yet():
    """Baskets that were thawed are known in the process by their age, which those of a shop told again share."""
    _thawed.clear()


@pytest.fixture(autouse=True)
def patched_code_makes_its_own_shop(monkeypatch):
    """A test that has patched the code begins with no shop that was made without."""
    once.patches = monkeypatch


@pytest.fixture(scope="session")
def redis_url():
    """The address of a real Redis, started when the first test asks for it."""
    with services.redis() as url:
        yield url


def find_chromium() -> str:
    """The path of a Chromium; without one the test is skipped, or fails where LOYALTY_REQUIRE_BROWSER=1."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        missing = pytest.fail if os.environ.get("LOYALTY_REQUIRE_BROWSER") == "1" else pytest.skip
        missing("No Chromium on the PATH: install your system's `chromium` package.")
    return found


@pytest.fixture(scope="session")
def browser():
    """A running headless Chromium (playwright's Browser); open pages with `browser.new_page()`."""
    from playwright.sync_api import sync_playwright

    chromium = find_chromium()
    # Playwright's loop lives in this thread, and Django would take every query for one made inside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=chromium)
        yield instance
        instance.close()
