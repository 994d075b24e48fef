"""The floors of the house: imports go down only, and each outsider has one room."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from .source import PACKAGE, imports, python_files

FLOORS = {
    "__init__": 0,
    "kernel": 0,
    "program": 1,
    "ledger": 2,
    "people": 2,
    "earning": 3,
    "redemption": 3,
    "tiers": 3,
    "referrals": 3,
    "exclusives": 3,
    "memberships": 3,
    "journeys": 3,
    "insights": 4,
    "shop": 5,
    "api": 6,
    "jobs": 6,
    "extend": 7,
    "urls": 7,
    "testing": 8,
}
FEATURES = {name for name, floor in FLOORS.items() if floor == 3}
#: What a shop may leave out, and so has a room of its own in the rooms above.
OPTIONAL = FEATURES | {"insights"}
ROOMS = {"insights", "shop", "api"}  # they open a sub-package for each feature that is installed
LOADERS = {Path(room) / "apps.py" for room in ROOMS}  # the one place where a module's name is put together
OUTSIDERS = {"oscar": "shop", "rest_framework": "api", "drf_spectacular": "api", "celery": "jobs", "factory": "testing"}
#: Our factories stand on Oscar's own.
ON_TOP = {("testing", "oscar")}


def faults(path: Path, tree: ast.Module) -> list[str]:
    """What is wrong with the imports of the file at `path`, relative to the package."""
    inside = path.with_suffix("").parts
    home, found = inside[0], []
    pure = home == "kernel" or "rules" in inside
    for name in imports(path, tree):
        top, target, below = (*name.split("."), "", "")[:3]
        if top == "loyalty_oscar" and target != home:
            if FLOORS.get(target, 0) >= FLOORS[home]:
                found.append(f"{path}: {name} is not below {home}")
            elif target in OPTIONAL and home in ROOMS and target not in inside:
                found.append(f"{path}: only {home}/{target} may import {name}")
        elif top == "loyalty_oscar" and home in ROOMS and below in OPTIONAL and below not in inside:
            found.append(f"{path}: {name} is absent where {below} is not installed")
        is_outside = OUTSIDERS.get(top, home) != home and (home, top) not in ON_TOP
        if is_outside or (pure and top == "django"):
            found.append(f"{path}: {top} has no place here")
        if name.endswith(("import_module", "__import__")) and path not in LOADERS:
            found.append(f"{path}: only {', '.join(map(str, sorted(LOADERS)))} may load modules by name")
    return found


class TestTheFloorsOfTheHouse:
    def test_hold_every_import_of_the_package(self):
        files = list(python_files(PACKAGE))
        assert files
        assert [fault for path, tree in files for fault in faults(path, tree)] == []

    def test_have_a_number_for_everything_in_the_package(self):
        names = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
        assert names - FLOORS.keys() == set()

    @pytest.mark.parametrize(
        ("path", "code", "why"),
        [
            ("kernel/lots.py", "from django.utils import timezone", "django has no place"),
            ("earning/rules.py", "import django.db", "django has no place"),
            ("earning/rules/spend.py", "import django.db", "django has no place"),
            ("kernel/lots.py", "import loyalty_oscar.program.models", "not below kernel"),
            ("ledger/queries.py", "def f():\n    from loyalty_oscar.shop import models", "not below ledger"),
            ("ledger/queries.py", "from ..earning.models import Award", "not below ledger"),
            ("tiers/operations.py", "from loyalty_oscar.earning import queries", "not below tiers"),
            ("jobs/tasks.py", "from loyalty_oscar import api", "not below jobs"),
            ("earning/rules.py", "from loyalty_oscar import extend", "not below earning"),
            ("ledger/models.py", "from oscar.core.loading import get_model", "oscar has no place"),
            ("shop/views.py", "from rest_framework import status", "rest_framework has no place"),
            ("shop/views.py", "from celery import shared_task", "celery has no place"),
            ("shop/views.py", "from loyalty_oscar.tiers import queries", "only shop/tiers may"),
            ("shop/tiers/views.py", "from loyalty_oscar.earning import queries", "only shop/earning may"),
            ("shop/views.py", "from .tiers import views", "absent where tiers"),
            ("shop/front/page.py", "from loyalty_oscar.insights import queries", "only shop/insights may"),
            ("insights/queries.py", "from loyalty_oscar.earning.models import Award", "only insights/earning may"),
            ("shop/setup.py", "import factory", "factory has no place"),
            ("program/tasks.py", "from importlib import import_module", "load modules by name"),
        ],
    )
    def test_find(self, path, code, why):
        found = faults(Path(path), ast.parse(code))
        assert len(found) == 1
        assert why in found[0]

    @pytest.mark.parametrize(
        ("path", "code"),
        [
            ("ledger/operations.py", "from loyalty_oscar.program.models import Member\nfrom . import models"),
            (
                "shop/tiers/views.py",
                "from loyalty_oscar.tiers import queries\nfrom oscar.core.loading import get_class",
            ),
            ("api/tiers.py", "from loyalty_oscar.tiers import queries\nfrom rest_framework import views"),
            ("shop/apps.py", "from importlib import import_module"),
            ("testing/factories/ledger.py", "from oscar.test.factories import UserFactory\nimport factory"),
            ("jobs/tasks.py", "from celery import shared_task\nfrom loyalty_oscar import __version__"),
        ],
    )
    def test_let_through(self, path, code):
        assert faults(Path(path), ast.parse(code)) == []


class TestTheOscarRoom:
    ROOT = {"__init__", "apps", "models", "urls", "middleware"}
    #: What else features called these files before they all called them the same.
    OTHER_NAMES = {"panels", "notices", "nightly", "export", "desk", "reminding"}

    def test_has_no_loose_file_at_its_root(self):
        assert {path.stem for path in (PACKAGE / "shop").glob("*.py")} == self.ROOT

    def test_has_rooms_that_need_each_other_one_way_only(self):
        needs: dict[str, set[str]] = {}
        for path, tree in python_files(PACKAGE):
            if path.parts[0] != "shop" or "migrations" in path.parts:
                continue
            room = path.with_suffix("").parts[1]
            for name in imports(path, tree):
                _package, top, there = (*name.split("."), "", "")[:3]
                if top == "shop" and there not in ("", room):
                    needs.setdefault(room, set()).add(there)
        assert len(needs) > 15
        order = list(TopologicalSorter(needs).static_order())  # Raises CycleError, which names the rooms.
        assert order.index("orders") < order.index("upkeep")

    def test_calls_the_files_of_all_features_the_same(self):
        files = [path for name in sorted(FEATURES) for path in (PACKAGE / "shop" / name).glob("*.py")]
        assert {path.stem for path in files} >= {"storefront", "lifecycle", "letters", "jobs", "staff", "doctor"}
        assert [str(path) for path in files if path.stem in self.OTHER_NAMES] == []
