"""
Who writes never reads what this process remembers from a minute ago: it reads the versions first.

What is remembered is remembered for a version. How old the version may be is said in one place, `program.queries`: a
minute for pages, a second after `read_versions`, `begun_units` or `unit_for_site`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .source import PACKAGE, ROOT, dotted, python_files
from .test_write_paths import NAMES

QUERIES = "loyalty_oscar.program.queries"
#: What knows the versions of up to a minute ago, and what reads them anew.
OLD = {f"{QUERIES}.{name}" for name in ("versions", "version_of", "shown_units", "shown_unit")}
ANEW = {f"{QUERIES}.{name}" for name in ("read_versions", "begun_units", "unit_for_site")}
#: What only asks whether there is anything to do: what it misses in that minute the sweep finds.
GUARDS = {"loyalty_oscar.shop.orders.sync.any_program_begun"}
#: Through a hook, where no import leads to who answers.
THROUGH_HOOKS = {"loyalty_oscar.program.levels.levels"}


def module_of(path: Path) -> str:
    """The dotted name of a file of the package."""
    parts = path.with_suffix("").parts
    return ".".join(["loyalty_oscar", *(parts[:-1] if parts[-1] == "__init__" else parts)])


def names_in(path: Path, tree: ast.Module) -> dict[str, str]:
    """What the names of a file stand for: what it imports, and its own functions and methods (`self.known`)."""
    package, found = ["loyalty_oscar", *path.parent.parts], {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            where = ".".join([*base, *filter(None, [node.module])])
            found |= {alias.asname or alias.name: f"{where}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.FunctionDef):
            found |= dict.fromkeys((node.name, f"self.{node.name}"), f"{module_of(path)}.{node.name}")
    return found


def functions(path: Path, tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Each function of a file, with the full names of what it calls or hands on, in the order of their lines."""
    known = names_in(path, tree)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            nodes = [node for node in ast.walk(function) if isinstance(node, ast.Name | ast.Attribute)]
            nodes.sort(key=lambda node: (node.lineno, node.col_offset))
            used = [said for node in nodes if (said := full(dotted(node), known))]
            yield f"{module_of(path)}.{function.name}", used


def full(name: str, known: dict[str, str]) -> str:
    """The full name of what a file calls by a name (`ladder_of`, `queries.ladder_of`, `self.known`), else empty."""
    if name in known:
        return known[name]
    first, _dot, rest = name.partition(".")
    return f"{known[first]}.{rest}" if rest and first in known else ""


def offends(used: list[str], old: set[str]) -> str:
    """What a function uses from a minute ago before it reads the versions; empty for none."""
    first = next((name for name in used if name in old | ANEW), "")
    return "" if first in ANEW else first


def all_functions() -> dict[str, list[str]]:
    """What each function of the package uses."""
    found: dict[str, list[str]] = {}
    for path, tree in python_files(PACKAGE):
        for name, used in functions(path, tree):
            found.setdefault(name, []).extend(used)
    return found


def old_ones(used_by: dict[str, list[str]]) -> set[str]:
    """Every function that leads to the versions of a minute ago."""
    old = OLD | THROUGH_HOOKS
    while more := {name for name, used in used_by.items() if name not in old | ANEW | GUARDS and offends(used, old)}:
        old |= more
    return old


def offenders(path: Path, tree: ast.Module, old: set[str]) -> list[str]:
    """The functions of a file that use something from a minute ago, with what that is."""
    found = ((name.rpartition(".")[2], offends(used, old)) for name, used in functions(path, tree))
    return [f"{path} {name}: {what} before read_versions()" for name, what in found if what]


def keys_remembered() -> set[str]:
    """The first word of each key under which something is remembered."""
    calls = (node for _path, tree in python_files(PACKAGE) for node in ast.walk(tree) if isinstance(node, ast.Call))
    keys = (
        word.value for call in calls if dotted(call.func) == "remembered" for word in call.keywords if word.arg == "key"
    )
    return {ast.literal_eval(key.elts[0] if isinstance(key, ast.Tuple) else key) for key in keys}


def hung_on() -> set[str]:
    """The attributes that we hang on objects of Oscar's."""
    files = (path for path in PACKAGE.rglob("*.py") if "testing" not in path.parts)
    return {name for path in files for name in re.findall(r"\b_loyalty_[a-z_]+", path.read_text(encoding="utf-8"))}


def is_writing(path: Path) -> bool:
    """Whether a file writes, by its name or its folder's; jobs do, or decide what is written."""
    return bool((NAMES | {"jobs"}) & set(path.with_suffix("").parts))


@pytest.fixture(scope="module")
def old():
    return old_ones(all_functions())


class TestWhoWrites:
    def test_reads_the_versions_before_what_is_remembered(self, old):
        written = [(path, tree) for path, tree in python_files(PACKAGE) if is_writing(path)]
        assert len(written) > 20
        assert [line for path, tree in written for line in offenders(path, tree, old)] == []


class TestTheListInTheDocs:
    """`docs/explanation/cost.md` says of each what it holds, how old it may be and why it is there."""

    text = (ROOT / "docs/explanation/cost.md").read_text(encoding="utf-8").split("## What is remembered")[1]

    def test_has_every_key(self):
        told = self.text.split("| key |")[1].split("\n\n")[0]
        cells = [row.split("|")[1] for row in told.splitlines()[2:]]
        assert set(re.findall(r"`([^`]+)`", " ".join(cells))) == keys_remembered()

    def test_has_every_attribute_on_objects_of_oscar(self):
        assert set(re.findall(r"`(_loyalty_[a-z_]+)`", self.text)) == hung_on()


class TestTheRule:
    @pytest.mark.parametrize(
        "name", ["tiers.queries.ladder_of", "redemption.queries.worth_in", "shop.exclusives.visitors.sales_of_visit"]
    )
    def test_knows_what_is_remembered_also_through_other_functions(self, old, name):
        assert f"loyalty_oscar.{name}" in old

    @pytest.mark.parametrize(
        "name", ["earning.queries.book_of", "redemption.queries.worth_now", "referrals.operations.bind"]
    )
    def test_lets_pass_what_brings_its_version_or_reads_it(self, old, name):
        assert f"loyalty_oscar.{name}" not in old

    @pytest.mark.parametrize(
        "code",
        [
            "def climb():\n    return ladder_of(program_id=1)",
            "def climb():\n    law = ladder_of(program_id=1)\n    read_versions()\n    return law",
            "class Effect:\n    def apply(self):\n        return {pk: ladder_of(program_id=pk) for pk in (1,)}",
            "from . import queries\ndef climb():\n    return queries.ladder_of(program_id=1)",
        ],
    )
    def test_catches_who_reads_too_early(self, old, code):
        code = f"from loyalty_oscar.program.queries import read_versions\nfrom .queries import ladder_of\n{code}"
        assert len(offenders(Path("tiers/operations.py"), ast.parse(code), old)) == 1

    @pytest.mark.parametrize("first", ["read_versions()", "units = begun_units()"])
    def test_lets_pass_who_reads_the_versions_first(self, old, first):
        code = "from loyalty_oscar.program.queries import begun_units, read_versions\nfrom .queries import ladder_of\n"
        code += f"def climb():\n    {first}\n    return ladder_of(program_id=1)"
        assert offenders(Path("tiers/operations.py"), ast.parse(code), old) == []
