"""
`make mutation`: whether the tests notice when the code is wrong.

Two hundred mutants of kernel, ledger, earning, tiers and redemption are drawn by a seed that is printed: an operator is
another one, a boundary moves by one, a value is not returned, a statement is missing. Each is put into a copy of the
checkout, and the tests nearest to it run there on SQLite until one fails. A mutant that all of them let live is a line
that nobody holds; those are printed. `--seed`, `--mutants`, `--only earning` and `--wide` (a survivor meets whole shops
and random lives, too) ask for others.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tests.benchmarks.board import Board

ROOT = Path(__file__).parents[2]
MUTANTS, SEED, KILLED = 200, 20261128, 0.9
#: A mutant that makes the tests run this many times longer has been noticed.
PATIENCE, LEAST_SECONDS = 5, 120
APPS = ("kernel", "ledger", "earning", "tiers", "redemption")
#: Files that decide or write; what shows, registers or describes is held by other tests.
LEFT_OUT = {
    *("migrations", "__init__.py", "admin.py", "apps.py", "checks.py", "models.py"),
    *("forms.py", "params.py", "sentences.py", "words.py"),
}
#: The tests nearest to each app; whatever of it is not there is left out.
NEAREST = {
    "kernel": ["unit", "integration/ledger", "integration/earning", "functional/test_edited_orders.py"],
    "ledger": ["unit/ledger", "integration/ledger", "integration/commands/test_audit.py"],
    "earning": [
        "unit/earning",
        "integration/earning",
        "integration/commands/test_welcome.py",
        "integration/admin/test_rules.py",
        "functional/test_edited_orders.py",
    ],
    "tiers": ["unit/tiers", "integration/tiers"],
    "redemption": [
        "unit/redemption",
        *(
            f"integration/shop/test_{name}.py"
            for name in ("using_points", "using_limits", "used_points_return", "slots")
        ),
    ],
}
WIDE = ["functional/test_edited_orders.py", "functional/edits", "functional/test_the_order_that_never_was.py"]
COPIED = ("loyalty_oscar", "tests", "sandbox", "docs", "pyproject.toml", "setup.cfg", "manage.py", ".migrated")

OTHER = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
OTHER_NAME = {"min": "max", "max": "min", "any": "all", "all": "any"}
#: Calls whose absence nobody needs to notice.
SILENT = ("logger", "logging", "warnings", "print")


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of one file: the lines it stands on, before and after."""

    path: Path
    first: int
    last: int
    kind: str
    before: str
    after: str

    @property
    def app(self) -> str:
        return self.path.parts[1]

    def __str__(self) -> str:
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        return f"{self.path}:{self.first} {self.kind}: {before[:100]}  ->  {after[:100]}"


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The ways in which one node can be wrong, each with what stands there then."""
    other = copy.copy(node)
    match node:
        case ast.BinOp(op=ast.Mod(), right=ast.Dict() | ast.Tuple()):
            pass  # A text that is filled in.
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in OTHER:
            other.op = OTHER[type(op)]()
            yield "operator", other
        case ast.Compare(ops=[op]) if type(op) in OTHER:
            other.ops = [OTHER[type(op)]()]
            yield "boundary" if isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) else "operator", other
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "operator", operand
        case ast.Name(id=name, ctx=ast.Load()) if name in OTHER_NAME:
            other.id = OTHER_NAME[name]
            yield "boundary", other
        case ast.Constant(value=bool(value)):
            other.value = not value
            yield "constant", other
        case ast.Constant(value=int(value)):
            other.value = value + 1
            yield "constant", other
        case ast.IfExp(body=body, orelse=orelse):
            other.body, other.orelse = orelse, body
            yield "operator", other
        case ast.Return(value=ast.expr(), lineno=_) if not isinstance(node.value, ast.Constant):
            other.value = ast.Constant(None)
            yield "return", other
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    if isinstance(node, ast.AugAssign) or (is_call and not ast.unparse(node).startswith(SILENT)):
        yield "statement", ast.Pass()


def inner(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function's body that are run: no annotations, decorators and docstrings."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child
                yield from inner(child)


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Every mutant of a file, by its path in the checkout."""
    text = (ROOT / path).read_text(encoding="utf-8")
    tree, lines = ast.parse(text), text.splitlines(keepends=True)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    seen: set[int] = set()
    for function in functions:
        for node in inner(function):
            if id(node) in seen or not hasattr(node, "lineno"):
                continue
            seen.add(id(node))
            for kind, other in changes(node):
                yield replaced(path, lines, node, kind, other)


def replaced(path: Path, lines: list[str], node: ast.AST, kind: str, other: ast.AST) -> Mutant:
    """The mutant in which a node is another one, on the lines where it stood."""
    first, last = node.lineno, node.end_lineno
    block = "".join(lines[first - 1 : last]).encode()
    end = sum(len(line.encode()) for line in lines[first - 1 : last - 1]) + node.end_col_offset
    new = ast.unparse(ast.fix_missing_locations(other))
    if isinstance(node, ast.expr):
        new = f"({new})"  # Whatever stood around it binds as it did.
    after = (block[: node.col_offset] + new.encode() + block[end:]).decode()
    return Mutant(path=path, first=first, last=last, kind=kind, before=block.decode(), after=after)


def drawn(*, seed: int, number: int, only: str = "") -> list[Mutant]:
    """So many mutants, as many of each app as of any other, and of each kind as there are."""
    chance, found = random.Random(seed), []
    apps = [app for app in APPS if only in ("", app)]
    for place, app in enumerate(apps):
        paths = sorted((ROOT / "loyalty_oscar" / app).rglob("*.py"))
        paths = [path.relative_to(ROOT) for path in paths if not LEFT_OUT & set(path.parts)]
        every = [mutant for path in paths for mutant in mutants_of(path)]
        chance.shuffle(every)
        share = number * (place + 1) // len(apps) - number * place // len(apps)
        found += islice(filter(compiles, every), share)
    return found


def mutated(mutant: Mutant) -> str:
    """The text of the file with the mutant in it."""
    lines = (ROOT / mutant.path).read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join([*lines[: mutant.first - 1], mutant.after, *lines[mutant.last :]])


def compiles(mutant: Mutant) -> bool:
    """Whether the mutant is Python; one inside an f-string may not be."""
    try:
        ast.parse(mutated(mutant))
    except SyntaxError:
        return False
    return mutant.before.split() != mutant.after.split()


def copied(folder: Path) -> Path:
    """A copy of the checkout, in which a mutant may live."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("_build", "__pycache__", "var", "*.postgres")
            )
        elif source.exists():
            shutil.copy2(source, folder / name)
    return folder


def notices(folder: Path, names: list[str], *, seconds: float | None = None) -> str:
    """Run tests in a copy; what noticed, or nothing where all of them pass. RuntimeError if they can't be run."""
    tests = [f"tests/{name}" for name in names if (folder / "tests" / name).exists()]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--disable-warnings", "-p", "no:cacheprovider"]
    environment = os.environ | {"LOYALTY_TEST_DB": "sqlite", "PYTHONPATH": str(folder)}
    asked = [*command, "-m", "not (crowd or browser or projects or celery or slow)", *tests]
    try:
        process = subprocess.run(
            asked, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return "takes too long"
    if process.returncode == 0:
        return ""
    said = [line for line in process.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if not said and process.returncode not in (1, 2, 3, 4):
        raise RuntimeError(process.stdout[-1000:] + process.stderr[-1000:])
    return said[0].partition(" - ")[0] if said else "nothing can be imported"


def tried(mutant: Mutant, *, folder: Path, seconds: dict[str, float], wide: bool) -> str:
    """Let a mutant live in a copy until a test notices it; returns which, or nothing."""
    place = folder / mutant.path
    place.write_text(mutated(mutant), encoding="utf-8")
    try:
        found = notices(folder, NEAREST[mutant.app], seconds=max(LEAST_SECONDS, PATIENCE * seconds[mutant.app]))
        return found or (notices(folder, WIDE) if wide else "")
    finally:
        shutil.copy2(ROOT / mutant.path, place)


def main() -> None:
    """Draw mutants, let each live as long as the tests let it, and print those that nobody noticed."""
    parser = argparse.ArgumentParser(prog="mutation", description="Whether the tests notice when the code is wrong.")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--mutants", type=int, default=MUTANTS, help=f"how many ({MUTANTS})")
    parser.add_argument("--only", choices=APPS, default="", help="of one app")
    parser.add_argument("--wide", action="store_true", help="let a survivor meet whole shops and random lives")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once")
    asked = parser.parse_args()
    board = Board(f"mutation: {asked.mutants} mutants of seed {asked.seed}")
    mutants = drawn(seed=asked.seed, number=asked.mutants, only=asked.only)
    with tempfile.TemporaryDirectory(prefix="loyalty-mutants-") as name:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(asked.jobs):
            copies.put(copied(Path(name) / str(number)))
        seconds = {}
        for app in {mutant.app for mutant in mutants}:
            folder, begun = copies.get(), time.monotonic()
            if found := notices(folder, NEAREST[app]):
                raise SystemExit(f"The tests of {app} fail without any mutant: {found}")
            seconds[app] = time.monotonic() - begun
            copies.put(folder)
            board.say(f"the tests nearest to {app}", f"{seconds[app]:.0f} s")

        def one(mutant: Mutant) -> str:
            folder = copies.get()
            try:
                found = tried(mutant, folder=folder, seconds=seconds, wide=asked.wide)
            finally:
                copies.put(folder)
            print(f"  {'killed  ' if found else 'SURVIVES'} {mutant}\n           {found}", flush=True)
            return found

        with ThreadPoolExecutor(max_workers=asked.jobs) as pool:
            outcomes = list(pool.map(one, mutants))
    survivors = [mutant for mutant, found in zip(mutants, outcomes, strict=True) if not found]
    for app in APPS:
        if of_app := [found for mutant, found in zip(mutants, outcomes, strict=True) if mutant.app == app]:
            board.say(f"{app}", f"{sum(map(bool, of_app))} of {len(of_app)} killed")
    rate = 1 - len(survivors) / max(1, len(mutants))
    board.promise(f"at least {KILLED:.0%} are killed", kept=rate >= KILLED, figure=f"{rate:.1%}")
    for mutant in survivors:
        print(f"  {mutant}")
    board.leave()


if __name__ == "__main__":
    main()
