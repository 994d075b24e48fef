"""
The tests nearest to a change, for `make check`: `python -m tests.nearest` prints their paths.

A change is what differs from where the branch left `main` (or from the commit before, on `main` itself), or from what
is named: `python -m tests.nearest HEAD~3`. The rule is simple, and not meant to find everything; `make test` does.

- A test that changed is run. A helper of tests brings the tests beside it.
- `loyalty_oscar/<app>/` brings `tests/integration/<app>`; so does `loyalty_oscar/shop/<feature>/`.
- A module of `shop/`, or a room of it without tests of its own, brings the tests that name it.
- The admin, the API, commands, the docs and the sandbox bring their tests.

The units and the house need no finding: `make check` runs all of them.
"""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
MAINS = ("origin/main", "main")
#: Tests for what is not an app of its own: where a changed file's path begins with this, these are near.
PLACES = {
    "docs/": ["functional/test_the_docs.py"],
    "sandbox/": ["functional/test_the_demo_shop.py"],
    "loyalty_oscar/kernel/": ["integration/ledger", "integration/earning"],
    "loyalty_oscar/shop/admin": ["integration/admin"],
    "loyalty_oscar/shop/dashboard": ["integration/admin", "functional/test_the_dashboard.py"],
    "loyalty_oscar/shop/management": ["integration/commands"],
    "loyalty_oscar/redemption/": ["integration/shop/test_using_points.py", "integration/shop/test_using_limits.py"],
    "loyalty_oscar/templates": ["functional/test_markup.py"],
}
#: Where tests are looked for that name a module; the rest waits for `make test`.
FOLDERS = ("integration", "functional")


def changed(since: str = "") -> list[str]:
    """The paths that differ from a commit, and those that git does not know yet."""
    since = since or begun()
    return sorted({*git("diff", "--name-only", since), *git("ls-files", "--others", "--exclude-standard")})


def begun() -> str:
    """The commit that the work at hand began with."""
    head = git("rev-parse", "HEAD")
    for name in MAINS:
        base = git("merge-base", "HEAD", name)
        if base and base != head:
            return base[0]
    return "HEAD" if git("status", "--porcelain") else "HEAD~1"


def git(*asked: str) -> list[str]:
    """The lines that git answers with; none where it refuses."""
    return subprocess.run(["git", *asked], cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()


def nearest(paths: Iterable[str], *, tests: Path) -> list[str]:
    """The tests nearest to these paths, as paths under `tests`; a folder stands for all in it."""
    found = {name for path in paths for name in near(PurePosixPath(path), tests=tests) if (tests / name).exists()}
    return sorted(name for name in found if not found & {str(parent) for parent in PurePosixPath(name).parents})


def near(path: PurePosixPath, *, tests: Path) -> Iterator[str]:
    """The tests nearest to one path."""
    for start, names in PLACES.items():
        if str(path).startswith(start):
            yield from names
    match path.parts:
        case ("tests", folder, *_) if folder in FOLDERS and path.suffix == ".py":
            inside = path.relative_to("tests")
            yield str(inside if path.name.startswith("test_") else inside.parent)
        case ("loyalty_oscar", "shop", room, *_) if (tests / "integration" / room).is_dir():
            yield f"integration/{room}"
        case ("loyalty_oscar", "shop", _, *_) if path.suffix == ".py":
            yield from naming(".".join(path.with_suffix("").parts), tests=tests)
        case ("loyalty_oscar", app, *_):
            yield f"integration/{app}"


def naming(module: str, *, tests: Path) -> Iterator[str]:
    """The test files that name a module, or import it from its package."""
    package, _, name = module.removesuffix(".__init__").rpartition(".")
    said = (f"{package}.{name}", f"from {package} import {name}")
    for folder in FOLDERS:
        for path in sorted((tests / folder).rglob("test_*.py")):
            text = path.read_text(encoding="utf-8")
            imported = [line for line in text.splitlines() if line.startswith(f"from {package} import ")]
            if any(words in text for words in said) or any(name in line.replace(",", " ").split() for line in imported):
                yield str(path.relative_to(tests))


if __name__ == "__main__":
    print(*(f"tests/{name}" for name in nearest(changed(*sys.argv[1:2]), tests=ROOT / "tests")))
