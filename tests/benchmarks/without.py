"""The settings of the tests' shop without the suite: the one that a benchmark compares with."""

from tests.settings import *  # noqa: F403

INSTALLED_APPS = [name for name in INSTALLED_APPS if not name.startswith("loyalty_oscar")]  # noqa: F405
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("loyalty_oscar")]  # noqa: F405
ROOT_URLCONF = "tests.benchmarks.without_urls"
