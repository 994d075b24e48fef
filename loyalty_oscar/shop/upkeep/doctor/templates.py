"""Do our pieces reach the pages, or does a copy in the store, or a block of one, hide them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.template import TemplateDoesNotExist, TemplateSyntaxError, engines
from django.template.backends.django import DjangoTemplates
from django.template.base import Origin, Template, VariableNode
from django.template.loader_tags import BlockNode, ExtendsNode

from .findings import Finding, Level, doctor_checks

OURS = Path(__file__).parents[2] / "templates"
LOAD = re.compile(r"{%\s*load\s+loyalty\w*\s*%}")
TAG = re.compile(r"{%-?\s*(loyalty_(?!behind\b)\w+[^%]*?)(?:\s+as\s+(\w+))?\s*-?%}")
BLOCK = re.compile(r"{%\s*block (\w+)\s*%}(.*?){%\s*endblock[^%]*%}", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One of the templates of a name, in the order in which they are found."""

    origin: Origin
    template: Template

    @property
    def is_ours(self) -> bool:
        return Path(self.origin.name).is_relative_to(OURS)

    @property
    def blocks(self) -> dict[str, BlockNode]:
        """The blocks that it fills, those within others too."""
        return {block.name: block for block in self.template.nodelist.get_nodes_by_type(BlockNode)}

    @property
    def parent(self) -> str:
        """The name that it extends; "" where it extends none, or one that only the page knows."""
        extends = self.template.nodelist.get_nodes_by_type(ExtendsNode)
        return str(extends[0].parent_name.var) if extends and isinstance(extends[0].parent_name.var, str) else ""


@doctor_checks.register("templates", order=20)
def shadowed(*, at: datetime) -> Iterator[Finding]:
    """Every template of Oscar's that we extend is reached, or named with what hides it and the tags to use instead."""
    hidden = 0
    for path in sorted(OURS.glob("oscar/**/*.*")):
        name, source = path.relative_to(OURS).as_posix(), path.read_text(encoding="utf-8")
        for text, hint in _hiding(name, source):
            hidden += 1
            yield Finding(level=Level.WARNING, about="templates", text=text, hint=hint)
    if not hidden:
        yield Finding(level=Level.OK, about="templates", text="ours are reached")


def _hiding(name: str, source: str) -> Iterator[tuple[str, str]]:
    """Yield what hides one of our templates, or blocks of it, and what to do."""
    layers = list(_layers(name))
    before = layers[: next((number for number, layer in enumerate(layers) if layer.is_ours), len(layers))]
    if len(before) == len(layers):
        yield f"{name} is shadowed by nothing: no template loader finds it", ""
        return
    for layer in before:
        if layer.parent != name:
            hint = f'{_use(source)} Or let it begin with {{% extends "{name}" %}}.'.strip()
            yield f"{name} is shadowed by {layer.origin.name}", hint
            return
    within = _within(layers[len(before) + 1 :])
    for block, content in BLOCK.findall(source):
        for layer in before:
            if over := _filled_anew(layer, block, within):
                hint = f"Put {{{{ block.super }}}} into its block “{over}”." + _or(_use(content, loads=source))
                yield f"{name} is reached, but {layer.origin.name} hides its block “{block}”", hint
                break


def _layers(name: str) -> Iterator[Layer]:
    """Yield the templates of a name as loaders find them, those that can be read and compiled."""
    backends = [backend for backend in engines.all() if isinstance(backend, DjangoTemplates)]
    for engine in (backend.engine for backend in backends):
        for loader in engine.template_loaders:
            for origin in loader.get_template_sources(name):
                try:
                    source = origin.loader.get_contents(origin)
                    yield Layer(origin=origin, template=Template(source, origin, name, engine))
                except (TemplateDoesNotExist, TemplateSyntaxError):
                    continue


def _within(behind: list[Layer]) -> dict[str, set[str]]:
    """Return for each block of Oscar's page the blocks that it lies in."""
    found: dict[str, set[str]] = {}
    seen: set[str] = set()
    open_ = list(behind)
    for layer in open_:
        for name, block in layer.blocks.items():
            for inner in block.nodelist.get_nodes_by_type(BlockNode):
                found.setdefault(inner.name, set()).add(name)
        if layer.parent and layer.parent not in {layer.template.name, *seen}:
            seen.add(layer.parent)
            open_ += _layers(layer.parent)
    return found


def _filled_anew(layer: Layer, block: str, within: dict[str, set[str]]) -> str:
    """Return which block a template fills without what was in it, of a block and those around it; "" for none."""
    around = (block,) if block in layer.blocks else sorted(within.get(block, ()))
    return next((one for one in around if one in layer.blocks and not _passes_on(layer.blocks[one])), "")


def _passes_on(block: BlockNode) -> bool:
    """Whether a block shows what the templates behind have in it."""
    variables = block.nodelist.get_nodes_by_type(VariableNode)
    return any(str(node.filter_expression.var) == "block.super" for node in variables)


def _use(source: str, loads: str = "") -> str:
    """Return the tags of a piece of our templates as they can be pasted: with their arguments, and to be seen."""
    tags = []
    for tag, name in TAG.findall(source):
        # What is kept under a name and shown further down is shown at once; a value for the page keeps its name.
        kept = name and not re.search(r"{{\s*" + name + r"\s*}}", source)
        tags.append(f"{{% {tag} as {name} %}}" if kept else f"{{% {tag} %}}")
        end = f"end_{tag.split()[0]}"
        if end in source:  # It stands around the shop's own markup.
            tags[-1] += f" … {{% {end} %}}"
    if not tags:
        return ""
    load = " ".join(dict.fromkeys(LOAD.findall(loads or source)))
    return f"Put {load} {' '.join(dict.fromkeys(tags))} there where you want it."


def _or(use: str) -> str:
    return f" Or: {use}" if use else ""
