"""Every test runs on PostgreSQL, and what writes or differs by database on SQLite as well."""

import re
from pathlib import Path, PurePosixPath

import pytest

from tests.databases import POSTGRES_ALONE, needs_postgres_alone

TESTS = Path(__file__).parents[1]
#: What stands in a test that asks which database it runs on.
NAMES_ONE = re.compile(r"\.vendor\b|features\.(has|supports)_")
#: Where everything writes, or runs commands and jobs.
WRITING = ("integration/ledger", "integration/commands", "integration/jobs", "integration/program")


def listed_files():
    """Each test file of the list, by its path under `tests/`."""
    for name in sorted(POSTGRES_ALONE):
        path = TESTS / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


class TestTheListOfWhatNeedsNoSecondDatabase:
    @pytest.mark.parametrize("name", sorted(POSTGRES_ALONE))
    def test_names_what_there_is(self, name):
        assert (TESTS / name).exists()

    def test_leaves_out_what_asks_for_a_kind_of_database(self):
        assert [str(path) for path in listed_files() if NAMES_ONE.search(path.read_text())] == []

    def test_leaves_out_where_everything_writes(self):
        assert [name for name in POSTGRES_ALONE if name.startswith(WRITING)] == []

    def test_holds_nothing_of_the_unit_and_house_tests(self):
        assert {PurePosixPath(name).parts[0] for name in POSTGRES_ALONE} == {"functional", "integration"}

    def test_takes_a_folder_with_all_that_is_in_it(self):
        assert needs_postgres_alone(PurePosixPath("integration/admin/test_rules.py"))
        assert needs_postgres_alone(PurePosixPath("functional/test_leaks.py"))

    def test_lets_what_is_new_run_on_both(self):
        assert not needs_postgres_alone(PurePosixPath("integration/goals/test_goals.py"))
        assert not needs_postgres_alone(PurePosixPath("integration/shop/test_using_points.py"))

    def test_lets_each_feature_write_on_both(self):
        features = {path.name for path in (TESTS / "integration").iterdir() if (path / "__init__.py").exists()}
        on_both = {
            path.parts[1]
            for path in (found.relative_to(TESTS) for found in (TESTS / "integration").rglob("test_*.py"))
            if not needs_postgres_alone(path)
        }
        assert features - on_both == {"admin", "api"}
