"""How the house tests read the source: as text and as a tree, never by importing it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "loyalty_oscar"


def python_files(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Every Python file under `folder`, its path relative to it, with its tree."""
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(folder), ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path, tree: ast.Module) -> Iterator[str]:
    """The full dotted names that the file at `path` (relative to the package) imports, inside functions too."""
    package = ["loyalty_oscar", *path.parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield from (".".join([*base, *filter(None, [node.module]), alias.name]) for alias in node.names)


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a chain of attributes on a name, also through calls and indexes (`a.b().c[0]`); else empty."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{inner}.{attr}" if (inner := dotted(value)) else ""
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return dotted(inner)
    return ""
