"""
What we hang onto the shop's own models never breaks them, and what we leave for after a transaction can be logged.

A receiver on a model that is not ours is `harmless` (`program.guards`). What `on_commit` is given has a name: Django
logs it where that fails. An instance that is called, or a `partial`, has none, so that the logging fails too, and every
later callback of the transaction is lost.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .source import PACKAGE, dotted, imports, python_files

GUARD = "harmless"
LOADING = {"get_class", "get_classes", "get_model", "get_user_model"}


class Names:
    """What the names of a file stand for: whose they are, and which functions they may be."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        self.functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        self.classes = {n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}
        self.methods = {
            method.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            for method in node.body
            if isinstance(method, ast.FunctionDef)
        }
        full = list(imports(path, tree))
        self.ours = {name.rpartition(".")[2] for name in full if name.startswith("loyalty_oscar.")} | self.classes
        self.loaded, self.values = set(), {}
        for node in ast.walk(tree):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self.values.setdefault(name, []).append(value)
                    self.loaded |= {name} if dotted(value).split(".")[-1] in LOADING else set()
                case ast.For(target=target, iter=ast.Tuple(elts=rows)):
                    self._loop(target, rows)

    def _loop(self, target: ast.expr, rows: list[ast.expr]) -> None:
        """Note what the names of a loop over a written-out list may stand for."""
        for row in rows:
            inner = row.elts if isinstance(row, ast.Tuple) else [row]
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            for name, value in zip(names, inner, strict=False):
                # A list within the list, unpacked or made by a loop of its own: any of what stands in it.
                values = [n for n in ast.walk(value) if isinstance(n, ast.Name | ast.Attribute | ast.Call)]
                self.values.setdefault(dotted(name), []).extend(values if isinstance(row, ast.Starred) else [value])

    def is_ours(self, node: ast.expr | None) -> bool:
        """Whether an expression surely stands for something of ours."""
        if node is None:
            return False
        root = dotted(node).partition(".")[0]
        if root in ("self", *self.ours):
            return True
        found = [] if root in self.loaded else self.values.get(root, [])
        return bool(found) and all(self.is_ours(value) for value in found)

    def receivers(self, node: ast.expr) -> list[str]:
        """The names of the functions that an expression may stand for."""
        name = dotted(node)
        found = self.values.get(name, [])
        return [inner for value in found for inner in self.receivers(value)] if found else [name]

    def is_guarded(self, name: str) -> bool:
        """Whether a function of this file is wrapped, or by a wrapper of this file that wraps it so."""
        function = self.functions.get(name)
        for wrapper in function.decorator_list if function else ():
            found = dotted(wrapper)
            maker = self.functions.get(found)
            inner = [n for n in ast.walk(maker) if isinstance(n, ast.FunctionDef) and n is not maker] if maker else []
            if found == GUARD or any(self.is_guarded(one.name) for one in inner):
                return True
        return False


def connections(names: Names, tree: ast.Module) -> Iterator[tuple[int, ast.expr, ast.expr, ast.expr | None]]:
    """Every place where a receiver is connected: its line, the signal, the receiver and the sender."""
    helpers = {
        name: [a.arg for a in node.args.args]
        for name, node in names.functions.items()
        if any(isinstance(n, ast.Call) and dotted(n.func).endswith(".connect") for n in ast.walk(node))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            words = {word.arg: word.value for word in node.keywords}
            name = dotted(node.func)
            if name.endswith(".connect") and node.args:
                yield node.lineno, node.func.value, node.args[0], words.get("sender")
            elif name in helpers and "receiver" in helpers[name]:
                given = dict(zip(helpers[name], node.args, strict=False)) | words
                yield node.lineno, given["signal"], given["receiver"], given.get("sender")
        elif isinstance(node, ast.FunctionDef):
            for one in node.decorator_list:
                if isinstance(one, ast.Call) and dotted(one) == "receiver":
                    words = {word.arg: word.value for word in one.keywords}
                    yield node.lineno, one.args[0], ast.Name(node.name), words.get("sender")


def unguarded(path: Path, tree: ast.Module) -> list[str]:
    """Receivers on what is not ours that a fault of ours would get through."""
    names, found = Names(path, tree), []
    inside = {
        arg.arg
        for node in names.functions.values()
        for arg in node.args.args
        if any(isinstance(n, ast.Call) and dotted(n.func).endswith(".connect") for n in ast.walk(node))
    }
    for line, signal, receiver, sender in connections(names, tree):
        if names.is_ours(signal) or names.is_ours(sender) or dotted(receiver) in inside:
            continue  # The last is a helper's own parameter: whoever calls it is looked at.
        found += [f"{path}:{line}: {name}" for name in names.receivers(receiver) if not names.is_guarded(name)]
    return found


def nameless(path: Path, tree: ast.Module) -> list[str]:
    """Where `on_commit` is given something that Django could not name in its log."""
    names, found = Names(path, tree), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] == "on_commit":
            given = node.args[0] if node.args else next(w.value for w in node.keywords if w.arg == "func")
            match given:
                case ast.Lambda():
                    continue
                case ast.Name(id=name) if name in names.functions:
                    continue
                case ast.Attribute(attr=name) if name in names.methods:
                    continue
            found.append(f"{path}:{node.lineno}: {ast.unparse(given)}")
    return found


BARE, THEIRS = "def f(**k): ...\n", "get_model('a', 'b')"
HELPER = "def helper(signal, receiver, sender):\n    signal.connect(receiver, sender=sender)\n"
MAKER = "def made(find):\n    @harmless\n    def inner(**k): ...\n    return inner\n"


class TestAReceiver:
    def test_on_a_model_that_is_not_ours_is_harmless(self):
        files = [(path, tree) for path, tree in python_files(PACKAGE) if path != Path("program/conf.py")]
        assert sum(len(list(connections(Names(path, tree), tree))) for path, tree in files) > 30
        assert [fault for path, tree in files for fault in unguarded(path, tree)] == []

    @pytest.mark.parametrize(
        "code",
        [
            f"{BARE}post_save.connect(f, sender={THEIRS})",
            f"{BARE}pre_delete.connect(f, sender=get_user_model())",
            f"from oscar.signals import order_placed\n{BARE}order_placed.connect(f)",
            f"Line = {THEIRS}\n@receiver(pre_save, sender=Line)\n{BARE}",
            f"from .models import Sale\n{BARE}for m in (Sale, {THEIRS}):\n    post_save.connect(f, sender=m)",
            f"{BARE}for s, r in ((post_save, f), (pre_save, f)):\n    s.connect(r, sender={THEIRS})",
            f"{HELPER}{BARE}helper(post_save, f, {THEIRS})",
            f"@logged\n{BARE}post_save.connect(f, sender={THEIRS})",
            f"post_save.connect(lambda **k: 1 / 0, sender={THEIRS})",
        ],
    )
    def test_would_be_found_without(self, code):
        assert unguarded(Path("shop/x.py"), ast.parse(code)) != []

    @pytest.mark.parametrize(
        "code",
        [
            f"@harmless\n{BARE}post_save.connect(f, sender={THEIRS})",
            f"@harmless(but=No)\n{BARE}for s, r in ((post_save, f),):\n    s.connect(r, sender={THEIRS})",
            f"from .models import Sale, Door\n{BARE}for m in (Sale, Door):\n    post_save.connect(f, sender=m)",
            f"from .signals import waits\n{BARE}waits.connect(f)",
            f"{HELPER}@harmless\n{BARE}helper(post_save, f, {THEIRS})",
            f"{MAKER}@made\n{BARE}pre_save.connect(f, sender={THEIRS})",
        ],
    )
    def test_is_let_through(self, code):
        assert unguarded(Path("shop/x.py"), ast.parse(code)) == []


class TestWhatWaitsForTheEndOfATransaction:
    def test_has_a_name_that_django_can_log(self):
        assert [fault for path, tree in python_files(PACKAGE) for fault in nameless(path, tree)] == []

    @pytest.mark.parametrize(
        "given",
        ["Gathered()", "partial(look, 1)", "functools.partial(look, 1)", "look", "self.look", "tasks.delay", "make()"],
    )
    def test_would_be_found_without(self, given):
        assert len(nameless(Path("x.py"), ast.parse(f"transaction.on_commit({given}, using=db, robust=True)"))) == 1

    @pytest.mark.parametrize(
        "code",
        [
            "transaction.on_commit(lambda: look(1), using=db)",
            "def look(): ...\ntransaction.on_commit(look)",
            "class A:\n    def done(self): ...\ntransaction.on_commit(A().done, robust=True)",
            "on_commit(func=lambda: 1)",
        ],
    )
    def test_is_let_through(self, code):
        assert nameless(Path("x.py"), ast.parse(code)) == []
