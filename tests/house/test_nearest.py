"""What `make check` runs for a change: the tests beside it, by a rule that can be told in a minute."""

from pathlib import Path

import pytest

from tests.benchmarks import mutation
from tests.nearest import PLACES, nearest

TESTS = Path(__file__).parents[1]


class TestTheTestsNearestToAChange:
    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("loyalty_oscar/ledger/operations/holds.py", "integration/ledger"),
            ("loyalty_oscar/tiers/rules.py", "integration/tiers"),
            ("loyalty_oscar/shop/exclusives/storefront.py", "integration/exclusives"),
            ("loyalty_oscar/api/account.py", "integration/api"),
            ("loyalty_oscar/kernel/rounding.py", "integration/ledger"),
            ("docs/howto/sales.md", "functional/test_the_docs.py"),
            ("sandbox/urls.py", "functional/test_the_demo_shop.py"),
            ("tests/functional/test_leaks.py", "functional/test_leaks.py"),
            ("tests/functional/edits/story.py", "functional/edits"),
        ],
    )
    def test_stand_in_the_folder_of_the_same_name(self, path, name):
        assert name in nearest([path], tests=TESTS)

    def test_of_a_module_of_the_shop_are_those_that_name_it(self, tmp_path):
        for name, text in {
            "whole": "import loyalty_oscar.shop.orders.sync\n",
            "part": "from loyalty_oscar.shop.orders.sync import sweep\n",
            "beside": "from loyalty_oscar.shop.orders import facts, sync\n",
            "another": "from loyalty_oscar.shop.orders import facts, synchrony\n",
        }.items():
            (tmp_path / "integration" / "shop").mkdir(parents=True, exist_ok=True)
            (tmp_path / "integration" / "shop" / f"test_{name}.py").write_text(text)
        found = nearest(["loyalty_oscar/shop/orders/sync.py"], tests=tmp_path)
        assert found == [f"integration/shop/test_{name}.py" for name in ("beside", "part", "whole")]

    def test_are_named_once(self):
        both = ["loyalty_oscar/tiers/rules.py", "tests/integration/tiers/test_pages.py"]
        assert nearest(both, tests=TESTS) == ["integration/tiers"]

    def test_are_none_for_what_is_in_no_test(self):
        assert nearest(["LICENSE", "loyalty_oscar/py.typed"], tests=TESTS) == []

    def test_are_there(self):
        assert [name for names in PLACES.values() for name in names if not (TESTS / name).exists()] == []


class TestMutants:
    def test_meet_tests_that_are_there(self):
        names = [*mutation.WIDE, *(name for names in mutation.NEAREST.values() for name in names)]
        assert [name for name in names if not (TESTS / name).exists()] == []
        assert set(mutation.NEAREST) == set(mutation.APPS)

    def test_are_drawn_the_same_way_each_time_and_from_every_app(self):
        mutants = mutation.drawn(seed=1, number=20)
        assert mutants == mutation.drawn(seed=1, number=20) != mutation.drawn(seed=2, number=20)
        assert {mutant.app for mutant in mutants} == set(mutation.APPS)

    def test_differ_from_the_code_in_one_place_alone(self):
        for mutant in mutation.drawn(seed=3, number=20):
            whole, wrong = (mutation.ROOT / mutant.path).read_text().splitlines(), mutation.mutated(mutant).splitlines()
            assert wrong != whole
            assert wrong[: mutant.first - 1] == whole[: mutant.first - 1]
            assert wrong[len(wrong) - len(whole) + mutant.last :] == whole[mutant.last :]
