"""
The life of each project with us, as a chain of fixtures: past, installed, begun, traded, used, climbed, left, gone.

    past -> installed -> selling (begun, traded, used) -> going (climbed, left, farewell) -> gone

Each of these is a process of its own on a copy of the database before it: a Django that starts costs seconds.

Nothing is asserted here; `test_install.py` reads what each stage found.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

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

    def live(self, name: str, stages: Mapping[str, Sequence[str]]) -> dict[str, "Stage"]:
        """Go on through these stages, in one process and on one copy of the database; answers with each."""
        shop = self.shop.on(name)
        return {stage: Stage(shop=shop, found=found) for stage, found in shop.live(stages).items()}


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
def selling(cell, installed) -> dict[str, Stage]:
    """The shop while it sells: its stages, lived in one process."""
    stages = {
        "begun": [":loyalty_setup", ":loyalty_setup --live", ":loyalty_run", "books", ":loyalty_doctor", "pages"],
        "traded": ["buy", "checkout", "books", ":loyalty_audit"],
        "used": ["use", "books", ":loyalty_doctor --rehearse", ":loyalty_run", ":loyalty_audit"],
    }
    return installed.live(f"{cell}-used", stages)


@pytest.fixture(scope="session")
def begun(selling) -> Stage:
    """The merchant's program is live."""
    return selling["begun"]


@pytest.fixture(scope="session")
def traded(selling) -> Stage:
    """People have bought, and one of them has sent something back."""
    return selling["traded"]


@pytest.fixture(scope="session")
def used(selling) -> Stage:
    """A customer has paid with points, sent a unit back, and set points aside for the next basket."""
    return selling["used"]


@pytest.fixture(scope="session")
def exports(cell, tmp_path_factory) -> Path:
    """Where our rows are written before we go."""
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="session")
def going(cell, used, exports) -> dict[str, Stage]:
    """The shop until we go: its stages, lived in one process."""
    stages = {
        "climbed": ["club", ":loyalty_run", "books", ":loyalty_audit", ":loyalty_doctor"],
        "left": ["leave", "books", ":loyalty_audit", ":loyalty_doctor"],
        "farewell": [f":loyalty_uninstall --yes --export {exports}"],
    }
    return used.live(f"{cell}-gone", stages)


@pytest.fixture(scope="session")
def climbed(going) -> Stage:
    """The club has a level, a sale that opens to it first, a friend brought in and a campaign; the jobs have run."""
    return going["climbed"]


@pytest.fixture(scope="session")
def left(going) -> Stage:
    """The newcomer has deleted the profile."""
    return going["left"]


@pytest.fixture(scope="session")
def gone(going, exports) -> Stage:
    """We have been uninstalled, and our apps are out."""
    farewell = going["farewell"]
    steps = [":check", ":migrate --check", "traces", "pages", "plain", "checkout", "leave"]
    [goodbye] = farewell.found.values()
    exported = {path.stem: len(path.read_text().splitlines()) for path in exports.iterdir()}
    found = farewell.shop.do(*steps, loyalty=False) | {"goodbye": goodbye, "exported": exported}
    return Stage(shop=farewell.shop, found=found)


@pytest.fixture(scope="session")
def full_past(migrated) -> Shop:
    """The full shop before us, with customers and orders."""
    shop = migrated("full", loyalty=False).on("full-with-a-past")
    shop.do("past", loyalty=False)
    return shop


@pytest.fixture(scope="session")
def full_with_us(migrated) -> Stage:
    """The full shop, with us from its first day, whose customers have paid with points."""
    shop = migrated("full", loyalty=True).on("full-with-us")
    return Stage(shop=shop, found=shop.do("past", ":loyalty_setup --live", "use"))
