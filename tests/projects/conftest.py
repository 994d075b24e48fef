"""
The life of each project with us, as a chain of fixtures: each stage stands on a copy of the database before it.

    past -> installed -> begun -> traded -> used -> climbed -> left -> gone

Nothing is asserted here; `test_install.py` reads what each stage found.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
from django.conf import settings

from tests.projects.shop import Postgres, Shop, Sqlite

CELLS = ["bare", "full", "forked", "forked on PostgreSQL"]
OWES_NOTHING = ":makemigrations --check --dry-run"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A shop at some time of its life, and what the steps that led here found, by the name of the step."""

    shop: Shop
    found: dict[str, dict]

    def next(self, name: str, *steps: str, loyalty: bool = True) -> "Stage":
        shop = self.shop.on(name)
        return Stage(shop=shop, found=shop.do(*steps, loyalty=loyalty))


@pytest.fixture(scope="session")
def raise_shop(tmp_path_factory):
    """Makes a shop of a project on an empty database of a cell."""
    folder = tmp_path_factory.mktemp("projects")
    servers = []

    def make(cell: str, database: str) -> Shop:
        project, _, elsewhere = cell.partition(" on ")
        server = Postgres(prefix=f"{folder.name}-") if elsewhere else Sqlite(folder=folder)
        servers.append(server)
        server.create(f"{cell}-{database}")
        return Shop(project=project, server=server, database=f"{cell}-{database}", media=folder)

    yield make
    for server in servers:
        server.drop()


@pytest.fixture(scope="session", params=CELLS)
def cell(request) -> str:
    """A project and its database."""
    if "PostgreSQL" in request.param and not settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        pytest.skip("needs LOYALTY_TEST_DB=postgres")
    return request.param


@pytest.fixture(scope="session")
def migrated(raise_shop):
    """
    A shop of a cell that has just been migrated from nothing, with us or without.

    Made once: *bare* and *full* list the same apps with tables, so that *full* finds everything migrated. Both sorts
    are made at the same time, because a migrate of Oscar's history keeps one core busy for a while.
    """

    def make(cell: str, loyalty: bool) -> Shop:
        shop = raise_shop(cell, "with us" if loyalty else "without us")
        shop.do(":migrate", loyalty=loyalty)
        return shop

    with ThreadPoolExecutor(max_workers=2) as pool:
        made = {}

        def migrate(cell: str, *, loyalty: bool) -> Shop:
            first = "bare" if cell == "full" else cell
            for sort in (loyalty, not loyalty):
                if (first, sort) not in made:
                    made[first, sort] = pool.submit(make, first, sort)
            return replace(made[first, loyalty].result(), project=cell.partition(" ")[0])

        yield migrate


@pytest.fixture(scope="session")
def past(cell, migrated) -> Stage:
    """The shop before us: customers, orders, and what its pages are and cost."""
    shop = Stage(shop=migrated(cell, loyalty=False), found={})
    return shop.next(f"{cell}-past", "past", "pages", "plain", loyalty=False)


@pytest.fixture(scope="session")
def installed(cell, past) -> Stage:
    """Our apps are in, and there is no program."""
    steps = [":migrate", OWES_NOTHING, ":check", ":loyalty_run", "pages", "books"]
    return past.next(f"{cell}-installed", *steps)


@pytest.fixture(scope="session")
def begun(cell, installed) -> Stage:
    """The merchant's program is live."""
    steps = [":loyalty_setup", ":loyalty_setup --live", ":loyalty_run", "books", ":loyalty_doctor", "pages"]
    return installed.next(f"{cell}-begun", *steps)


@pytest.fixture(scope="session")
def traded(cell, begun) -> Stage:
    """People have bought, and one of them has sent something back."""
    return begun.next(f"{cell}-traded", "buy", "checkout", "books", ":loyalty_audit")


@pytest.fixture(scope="session")
def used(cell, traded) -> Stage:
    """A customer has paid with points, sent a unit back, and set points aside for the next basket."""
    rehearsal = ":loyalty_doctor --rehearse"
    return traded.next(f"{cell}-used", "use", "books", rehearsal, ":loyalty_run", ":loyalty_audit")


@pytest.fixture(scope="session")
def climbed(cell, used) -> Stage:
    """The club has a level, a sale that opens to it first, a friend brought in and a campaign; the jobs have run."""
    return used.next(f"{cell}-climbed", "club", ":loyalty_run", "books", ":loyalty_audit", ":loyalty_doctor")


@pytest.fixture(scope="session")
def left(cell, climbed) -> Stage:
    """The newcomer has deleted the profile."""
    return climbed.next(f"{cell}-left", "leave", "books", ":loyalty_audit", ":loyalty_doctor")


@pytest.fixture(scope="session")
def gone(cell, left, tmp_path_factory) -> Stage:
    """We have been uninstalled, and our apps are out."""
    exports = tmp_path_factory.mktemp("exports")
    goodbye = f":loyalty_uninstall --yes --export {exports}"
    uninstalled = left.next(f"{cell}-gone", goodbye)
    without = uninstalled.shop.do(
        ":check", ":migrate --check", "traces", "pages", "plain", "checkout", "leave", loyalty=False
    )
    exported = {path.stem: len(path.read_text().splitlines()) for path in exports.iterdir()}
    found = without | {"goodbye": uninstalled.found[goodbye], "exported": exported}
    return Stage(shop=uninstalled.shop, found=found)
