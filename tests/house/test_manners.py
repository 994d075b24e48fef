"""A polite guest in the host's shop, and a public surface that can be read."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import oscar
import pytest

from .source import PACKAGE, ROOT, dotted, python_files

LOADING = {"get_class", "get_classes", "get_model", "get_user_model"}
OSCAR_LABELS = {name.split(".")[-3] for name in oscar.INSTALLED_APPS if name.startswith("oscar.apps.")}
WRITING_SQL = re.compile(r"\b(insert\s+into|update|delete\s+from|truncate)\s", re.IGNORECASE)
# Written so that this file does not find itself.
MACHINE_PATH = re.compile(r"(?<![\w/.])/(?:home|opt|root|tmp|work|Users)/" + r"\w")
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
ASSERTING = re.compile(r"assert|raises|warns|expect|check|verify|\bfail\b", re.IGNORECASE)
OURS = ("loyalty_oscar", "sandbox", "tests", "docs", ".ci")
TEXT = {".cfg", ".css", ".html", ".ini", ".js", ".json", ".md", ".po", ".py", ".toml", ".txt", ".yaml", ".yml", ""}


def hosts_names(tree: ast.Module) -> set[str]:
    """Names in a file that stand for something of Oscar's: imported, or loaded through its class loader."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                found = [a.asname or a.name.partition(".")[0] for a in aliases if a.name.partition(".")[0] == "oscar"]
            case ast.ImportFrom(module=str(module), names=aliases, level=0) if module.partition(".")[0] == "oscar":
                found = [a.asname or a.name for a in aliases]
            case ast.Assign(targets=targets, value=ast.Call(func=func)) if dotted(func).split(".")[-1] in LOADING:
                found = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
            case _:
                continue
        names.update(found)
    return names


def patches(path: Path, tree: ast.Module) -> list[str]:
    """Places where a file changes a module or class of Oscar's."""
    names, changed = hosts_names(tree), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            changed.append(node)
        elif isinstance(node, ast.Call) and dotted(node.func) in {"setattr", "delattr"}:
            changed.append(node.args[0])
    return [
        f"{path}:{node.lineno}: changes {dotted(node)}"
        for node in changed
        if dotted(node).partition(".")[0] in names or dotted(node) == "sys.modules"
    ]


def migration_faults(path: Path, tree: ast.Module) -> list[str]:
    """Numbered dependencies on Oscar's migrations, and writing to tables that are not ours."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Tuple(elts=[ast.Constant(value=str(label)), ast.Constant(value=str(name))]):
                if label in OSCAR_LABELS and re.match(r"\d{4}_|__latest__", name):
                    found.append(f'{path}:{node.lineno}: write ("{label}", "__first__")')
            case ast.Call(func=func, args=[ast.Constant(value=str(label)), *_]) if dotted(func).endswith("get_model"):
                if not label.startswith("loyalty_"):
                    found.append(f"{path}:{node.lineno}: a migration leaves {label} alone")
            case ast.Call(func=func) if dotted(func).endswith("RunSQL") and WRITING_SQL.search(ast.unparse(node)):
                found.append(f"{path}:{node.lineno}: writes rows by SQL")
    return found


def exported(front: Path) -> set[str]:
    """The names in the `__all__` of a module."""
    for node in ast.parse(front.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and dotted(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def public(path: Path, tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The public functions of `operations` or `queries`; of a folder those that its `__init__` exports."""
    surface = {"operations", "queries"}
    if not surface & set(path.with_suffix("").parts):
        return []
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if path.parent.name in surface:
        names = exported(PACKAGE / path.parent / "__init__.py")
        return [function for function in functions if function.name in names]
    return [function for function in functions if not function.name.startswith("_")]


def surface_faults(path: Path, functions: list[ast.FunctionDef]) -> list[str]:
    """Functions that take arguments by position, or say too little."""
    found = []
    for node in functions:
        a, where = node.args, f"{path}:{node.lineno} {node.name}"
        if a.posonlyargs or a.args or a.vararg:
            found.append(f"{where}: takes arguments by position")
        if node.returns is None or any(
            x.annotation is None for x in [*a.args, *a.kwonlyargs, *filter(None, [a.kwarg])]
        ):
            found.append(f"{where}: lacks annotations")
        if not ast.get_docstring(node):
            found.append(f"{where}: has no docstring")
    return found


def idle_tests(path: Path, tree: ast.Module) -> list[str]:
    """Tests that can't fail by an assertion, or assert a constant."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            inner = list(ast.walk(node))
            real = [n for n in inner if isinstance(n, ast.Assert) and not isinstance(n.test, ast.Constant)]
            called = [dotted(n.func) for n in inner if isinstance(n, ast.Call)]
            if not real and not any(ASSERTING.search(name) for name in called):
                found.append(f"{path}:{node.lineno} {node.name}: asserts nothing")
    return found


def texts() -> Iterator[tuple[Path, str]]:
    """Every text file of ours that is kept in the repository, relative to its root."""
    files = [path for folder in OURS for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [path for path in ROOT.iterdir() if path.is_file()]
    for path in files:
        kept = path.suffix in TEXT and not {"_build", "__pycache__", ".DS_Store"} & set(path.parts)
        if kept and path.name != ".git":
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def classes(tree: ast.Module) -> Iterator[str]:
    """Names of the public classes at the root of a file."""
    return (node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))


def shared_names(files: Iterable[tuple[Path, ast.Module]]) -> dict[str, list[str]]:
    """Names that are public classes of several files, with the files."""
    homes = defaultdict(list)
    for path, tree in files:
        if "migrations" not in path.parts and "commands" not in path.parts:
            for name in classes(tree):
                homes[name].append(str(path))
    return {name: where for name, where in homes.items() if len(where) > 1}


class TestAPoliteGuest:
    def test_changes_nothing_of_oscars(self):
        assert [fault for path, tree in python_files(PACKAGE) for fault in patches(path, tree)] == []

    @pytest.mark.parametrize(
        "code",
        [
            "import oscar.apps.order.utils\noscar.apps.order.utils.OrderCreator = None",
            "from oscar.apps.order import utils as u\nu.OrderCreator.place_order = None",
            "from oscar import defaults\nsetattr(defaults, 'OSCAR_SHOP_NAME', '')",
            "Order = get_model('order', 'Order')\nOrder.is_ours = True",
            "A, B = get_classes('offer.results', ['A', 'B'])\ndef f():\n    del B.apply",
            "from oscar.apps.order import processing\nprocessing.EVENTS['a'] = 1",
            "import sys\nsys.modules['oscar.apps.order'] = None",
        ],
    )
    def test_would_be_caught_changing_it(self, code):
        assert len(patches(Path("x.py"), ast.parse(code))) == 1

    def test_may_set_attributes_of_instances(self):
        code = "Order = get_model('order', 'Order')\norder = Order()\norder.status = 'x'\nself.order.status = 'y'"
        assert patches(Path("x.py"), ast.parse(code)) == []

    def test_asks_oscars_migrations_for_no_number_and_writes_none_of_its_rows(self):
        files = [(path, tree) for path, tree in python_files(PACKAGE) if path.parent.name == "migrations"]
        assert [fault for path, tree in files for fault in migration_faults(path, tree)] == []

    @pytest.mark.parametrize(
        "code",
        [
            "dependencies = [('order', '0014_tax_code')]",
            "dependencies = [('catalogue', '__latest__')]",
            "def forwards(apps, editor):\n    apps.get_model('offer', 'ConditionalOffer').objects.create()",
            "operations = [migrations.RunSQL('INSERT INTO offer_range VALUES (1)')]",
        ],
    )
    def test_would_be_caught_asking_or_writing(self, code):
        assert len(migration_faults(Path("0001_initial.py"), ast.parse(code))) == 1

    def test_may_depend_on_their_first(self):
        code = "dependencies = [('order', '__first__'), ('sites', '0002_alter_domain_unique')]"
        assert migration_faults(Path("0001_initial.py"), ast.parse(code)) == []


class TestThePublicSurface:
    def test_is_typed_and_explained_and_called_by_keyword(self):
        surface = [(path, public(path, tree)) for path, tree in python_files(PACKAGE)]
        assert any(functions for _path, functions in surface)
        assert [fault for path, functions in surface for fault in surface_faults(path, functions)] == []

    @pytest.mark.parametrize(
        ("code", "why"),
        [
            ("def f(a: int) -> int:\n    'Does.'", "by position"),
            ("def f(*a: int) -> int:\n    'Does.'", "by position"),
            ("def f(*, a) -> int:\n    'Does.'", "lacks annotations"),
            ("def f(*, a: int):\n    'Does.'", "lacks annotations"),
            ("async def f(*, a: int) -> int:\n    return a", "no docstring"),
        ],
    )
    def test_is_found_wanting(self, code, why):
        path = Path("nowhere/operations.py")
        found = surface_faults(path, public(path, ast.parse(code)))
        assert len(found) == 1
        assert why in found[0]

    def test_leaves_out_private_helpers_and_other_files(self):
        helper, other = ast.parse("def _f(a): return a"), ast.parse("def f(a): return a")
        assert public(Path("nowhere/queries.py"), helper) == public(Path("nowhere/audit.py"), other) == []

    def test_of_a_folder_is_what_its_front_names(self):
        tree = ast.parse("def post(a): return a\ndef inner(a): return a")
        assert [f.name for f in public(Path("ledger/operations/x.py"), tree)] == ["post"]


class TestAName:
    """Two public classes by one name are read for one another; Django's commands have theirs from Django."""

    def test_is_one_class(self):
        found = list(python_files(PACKAGE))
        assert sum(len(list(classes(tree))) for _path, tree in found) > 300
        assert shared_names(found) == {}

    def test_would_be_caught_meaning_two(self):
        files = [(Path(name), ast.parse("class Row: ...\nclass _Own: ...")) for name in ("here.py", "there.py")]
        assert shared_names(files) == {"Row": ["here.py", "there.py"]}


class TestEveryTextOfOurs:
    def test_names_no_path_of_a_machine(self):
        assert [str(path) for path, text in texts() if MACHINE_PATH.search(text)] == []

    def test_is_finished(self):
        assert [str(path) for path, text in texts() if UNFINISHED.search(text)] == []

    def test_would_be_found_out(self):
        assert MACHINE_PATH.search("see " + "/ho" + "me/ann/shop")
        assert not MACHINE_PATH.search("see https://example.com/ho" + "me/ann and docs/work/plan")
        assert UNFINISHED.search("TO" + "DO: later")
        assert not UNFINISHED.search("todos los puntos")


class TestEveryTest:
    def test_asserts_something(self):
        files = [(path, tree) for path, tree in python_files(ROOT / "tests") if path.name.startswith("test_")]
        assert len(files) >= 4
        assert [fault for path, tree in files for fault in idle_tests(path, tree)] == []

    @pytest.mark.parametrize("body", ["pay()", "assert True", "x = expected = 3"])
    def test_is_found_idle(self, body):
        assert len(idle_tests(Path("test_x.py"), ast.parse(f"def test_x():\n    {body}"))) == 1

    @pytest.mark.parametrize(
        "body", ["assert pay() == 3", "page.expect_url('/')", "assert_clean(ledger)", "pytest.fail('no')"]
    )
    def test_is_left_alone_when_it_can_fail(self, body):
        assert idle_tests(Path("test_x.py"), ast.parse(f"def test_x():\n    {body}")) == []
