"""Strings of ours carry the context `loyalty`, or they would replace Oscar's own translations in the whole shop."""

import ast
import re
from pathlib import Path

import pytest

from .source import PACKAGE, imports, python_files

BARE = {"gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
WITH_CONTEXT = {"pgettext", "pgettext_lazy", "npgettext", "npgettext_lazy"}
TAG = re.compile(r"{%-?\s*(?:translate|trans|blocktranslate|blocktrans)\b.*?%}", re.DOTALL)
CONTEXT = re.compile(r"""\bcontext\s+["']loyalty["']""")
UNDERSCORE = re.compile(r"""{[{%][^}]*?\b_\(\s*["'][^}]*[}%]}""")


def python_faults(path: Path, tree: ast.Module) -> list[str]:
    """Translating calls in a Python file that name no context, or another than ours."""
    bare = {name for name in imports(path, tree) if name.startswith("django.utils.translation.")}
    found = [f"{path}: {name} knows no context" for name in bare if name.rpartition(".")[2] in BARE]
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in WITH_CONTEXT
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in BARE:
            found.append(f"{path}:{node.lineno}: {node.attr} knows no context")
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
            context = node.args[0] if node.args else None
            if name in aliases | WITH_CONTEXT and getattr(context, "value", None) != "loyalty":
                found.append(
                    f'{path}:{node.lineno}: the first argument of {name} is "loyalty"; a constant is lost on extraction'
                )
    return found


def template_faults(path: Path, text: str) -> list[str]:
    """Translating tags in a template that name no context, or another than ours."""
    found = [tag for tag in TAG.findall(text) if not CONTEXT.search(tag)] + UNDERSCORE.findall(text)
    return [f"{path}: {tag}" for tag in found]


class TestStringsOfOurs:
    def test_carry_their_context_in_python(self):
        assert [fault for path, tree in python_files(PACKAGE) for fault in python_faults(path, tree)] == []

    def test_carry_their_context_in_templates(self):
        paths = [path for path in PACKAGE.rglob("templates/**/*") if path.is_file()]
        found = [fault for path in paths for fault in template_faults(path.relative_to(PACKAGE), path.read_text())]
        assert found == []

    @pytest.mark.parametrize(
        "code",
        [
            "from django.utils.translation import gettext as _",
            "def f():\n    from django.utils.translation import ngettext_lazy",
            "from django.utils import translation\ntranslation.gettext('Basket')",
            "from django.utils.translation import pgettext as _p\n_p('shop', 'Basket')",
            "from django.utils.translation import npgettext\nnpgettext('loyalti', 'point', 'points', 2)",
            "from django.utils.translation import pgettext\npgettext(CONTEXT, 'Basket')",
        ],
    )
    def test_are_found_without_it_in_python(self, code):
        assert len(python_faults(Path("x.py"), ast.parse(code))) == 1

    @pytest.mark.parametrize(
        "text",
        [
            '{% translate "Basket" %}',
            "{%- trans 'Basket' %}",
            '{% translate "Basket" context "shop" %}',
            "{% blocktranslate count n=points %}",
            '{% blocktrans trimmed with context="loyalty" %}',
            '{{ name|default:_("Basket") }}',
            "{% include 'x.html' with title=_('Basket') %}",
        ],
    )
    def test_are_found_without_it_in_templates(self, text):
        assert len(template_faults(Path("x.html"), text)) == 1

    def test_pass_with_it(self):
        code = """from django.utils.translation import npgettext, pgettext as p
p('loyalty', 'a')
npgettext('loyalty', 'a', 'b', 2)"""
        text = '{% translate "a" context "loyalty" as x %}{% blocktranslate trimmed count n=p context \'loyalty\' %}'
        assert python_faults(Path("x.py"), ast.parse(code)) == []
        assert template_faults(Path("x.html"), text) == []
