"""
Whatever decides a write names the database it reads from: the one that takes our writes, never a copy that lags behind.

A shop that reads from a copy has a router; it is asked wherever no database is named.
"""

import ast
from pathlib import Path

import pytest

from .source import PACKAGE, dotted, python_files

#: Files that write, besides those named operations, effects, receivers and setup (or in a folder of that name).
WRITING = {
    *("earning/awarding.py", "earning/following.py", "earning/previews.py", "exclusives/reminders.py"),
    *("insights/laws.py", "ledger/gifts.py", "tiers/moves.py"),
    *("program/delivery.py", "program/events.py", "program/paying.py"),
    *(
        "shop/orders/changes.py",
        "shop/orders/facts.py",
        "shop/upkeep/jobs.py",
        "shop/pricing/history.py",
        "shop/orders/placed.py",
    ),
    *(
        "shop/orders/reconcile.py",
        "shop/storefront/basket_holds.py",
        "shop/orders/sync.py",
        "shop/storefront/host_events.py",
        "shop/self_service/guests.py",
    ),
    *("shop/self_service/erasure.py", "shop/journeys/jobs.py", "shop/journeys/letters.py", "shop/journeys/reviews.py"),
    *("shop/earning/letters.py", "shop/journeys/for_whom.py", "shop/journeys/listeners.py"),
    *("shop/earning/welcome.py", "shop/exclusives/backstop.py", "shop/exclusives/checkout.py"),
    *("shop/exclusives/jobs.py", "shop/exclusives/letters.py", "shop/imports/posting.py"),
    *("shop/notices/arrival.py", "shop/notices/delivery.py", "shop/notices/expiry.py", "shop/notices/letters.py"),
    *("shop/redemption/discount.py", "shop/redemption/freezing.py", "shop/redemption/lines.py"),
    *("shop/redemption/offer.py", "shop/redemption/rewards/offers.py"),
    *("shop/redemption/rewards/jobs.py", "shop/redemption/rewards/letters.py"),
    *(
        "shop/referrals/attribution.py",
        "shop/referrals/identity_facts.py",
        "shop/tiers/counting.py",
        "shop/tiers/jobs.py",
    ),
    *("shop/tiers/conditions.py", "shop/upkeep/presets.py"),
    *("shop/tiers/letters.py", "shop/dashboard/goodwill.py", "shop/orders/backfill.py"),
}
NAMES = {"operations", "effects", "receivers", "setup"}
MANAGERS = {"objects", "_default_manager", "_base_manager"}
#: What asks a set of rows for something, or makes one.
ASKING = {
    *("all", "filter", "exclude", "get", "first", "last", "exists", "count", "values", "values_list", "order_by"),
    *("aggregate", "annotate", "select_related", "prefetch_related", "create", "get_or_create", "update", "delete"),
    *("update_or_create", "bulk_create", "bulk_update", "in_bulk", "iterator", "latest", "earliest", "only", "add"),
}


#: Sets of rows that are always fetched with the row they belong to, from the database of that row.
FETCHED = {"lines", "doors"}


def is_writing(path: Path) -> bool:
    """Whether a file of the package writes, or decides what is written."""
    return bool(NAMES & set(path.with_suffix("").parts)) or str(path) in WRITING


def related_names() -> set[str]:
    """How rows of ours lead to rows of ours that refer to them: `lots`, `phases`, `units`."""
    found = set()
    for path, tree in python_files(PACKAGE):
        if "models" in path.with_suffix("").parts:
            words = [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "related_name"]
            found |= {word.value.value for word in words if isinstance(word.value, ast.Constant)}
    return found - {"+"} - FETCHED


def unnamed_transactions(path: Path, tree: ast.Module) -> list[str]:
    """Where a file opens a transaction, or waits for the end of one, without saying on which database."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    opened = [node for node in calls if dotted(node.func) in ("transaction.atomic", "transaction.on_commit")]
    found = [node for node in opened if not any(word.arg == "using" for word in node.keywords)]
    bare = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found += [one for node in bare for one in node.decorator_list if dotted(one) == "transaction.atomic"]
    return [f"{path}:{node.lineno}: a transaction on the default database" for node in found]


def unnamed_second_looks(path: Path, tree: ast.Module) -> list[str]:
    """Where a file looks again at a row that was written, without saying in which database."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    again = [node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr == "refresh_from_db"]
    return [f"{path}:{node.lineno}" for node in again if not any(word.arg == "using" for word in node.keywords)]


def unnamed(path: Path, tree: ast.Module, related: set[str]) -> list[str]:
    """Where a file asks rows without saying in which database."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=asked, value=ast.Attribute(attr=name) as manager) if name in MANAGERS:
                if asked not in ("using", "db_manager", "none", "_insert"):
                    found.append(f"{path}:{node.lineno}: {dotted(manager)}.{asked}")
            case ast.Call(func=ast.Attribute(attr=asked, value=ast.Attribute(attr=name) as manager)) if name in related:
                # A dictionary is asked with `get` by position.
                if asked in ASKING and not (asked == "get" and node.args) and dotted(manager) != f"self.{name}":
                    found.append(f"{path}:{node.lineno}: {dotted(manager)}.{asked}")
    return found


class TestAWritePath:
    def test_names_its_database_wherever_it_asks(self):
        related = related_names()
        assert {"lots", "phases", "worths"} <= related
        files = [(path, tree) for path, tree in python_files(PACKAGE) if is_writing(path)]
        assert len(files) > len(WRITING)
        assert {str(path) for path, _tree in files} >= WRITING, "one of them has moved"
        assert [fault for path, tree in files for fault in unnamed(path, tree, related)] == []

    def test_names_the_database_of_its_transactions_wherever_it_stands(self):
        files = list(python_files(PACKAGE))
        assert [fault for path, tree in files for fault in unnamed_transactions(path, tree)] == []

    def test_names_the_database_in_which_it_looks_again_at_what_was_written(self):
        files = [(path, tree) for path, tree in python_files(PACKAGE) if path.parts[0] != "testing"]
        assert [fault for path, tree in files for fault in unnamed_second_looks(path, tree)] == []
        assert unnamed_second_looks(Path("x.py"), ast.parse("row.refresh_from_db(fields=['state'])")) == ["x.py:1"]

    @pytest.mark.parametrize(
        "code",
        [
            "with transaction.atomic():\n    pass",
            "transaction.on_commit(look, robust=True)",
            "@transaction.atomic\ndef f():\n    pass",
        ],
    )
    def test_would_be_found_with_a_transaction_elsewhere(self, code):
        assert len(unnamed_transactions(Path("x.py"), ast.parse(code))) == 1
        assert unnamed_transactions(Path("x.py"), ast.parse("with transaction.atomic(using=db):\n    pass")) == []

    @pytest.mark.parametrize(
        "code",
        [
            "Award.objects.filter(pk=1)",
            "get_model('order', 'Order').objects.get(pk=1)",
            "def f():\n    return [row for row in Award._base_manager.all()]",
            "User._default_manager.select_for_update().get()",
            "found = program.phases.all()",
            "account.member.lots.filter(pk=1).exists()",
            "Award.objects.create(pk=1)",
        ],
    )
    def test_would_be_found_without(self, code):
        assert len(unnamed(Path("operations.py"), ast.parse(code), {"phases", "lots"})) == 1

    @pytest.mark.parametrize(
        "code",
        [
            "Award.objects.using(write_db()).filter(pk=1)",
            "rows = Award.objects.using(db)\nrows.filter(pk=1)",
            "User._default_manager.db_manager(db).create_user('x')",
            "program.phases.using(db).all()",
            "phases.filter(1)",
        ],
    )
    def test_is_let_through(self, code):
        assert unnamed(Path("operations.py"), ast.parse(code), {"phases", "lots"}) == []

    def test_is_known_by_its_name_too(self):
        assert is_writing(Path("tiers/operations.py"))
        assert is_writing(Path("ledger/operations/holds.py"))
        assert not is_writing(Path("tiers/queries.py"))
