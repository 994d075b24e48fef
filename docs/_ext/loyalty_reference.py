"""
Reference pages from the code: what has a name in the code is listed by the code, so that no page can forget it.

A page says `<!-- generated: settings -->` on a line of its own; what `PARTS["settings"]` returns stands there instead.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_type_hints

from django.apps import apps
from django.core.management import get_commands, load_command_class

import loyalty_oscar
from sandbox.seed import people

ROOT = Path(loyalty_oscar.__file__).parent
PLACE = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)
PARTS: dict[str, Callable[[], str]] = {}
#: Plain values for the parameters of because codes, so that their words can be shown.
SAMPLE = {
    "number": "100042",
    "units": 2,
    "days": 3,
    "points": 2,
    "step_minor": 100,
    "currency": "EUR",
    "rule": "Double paws on dog beds",
    "percent": 200,
    "minimum_minor": 2000,
    "first": "2026-05-01",
    "last": "2026-05-31",
    "rank": 2,
    "weekdays": (1, 2),
    "start": "18:00",
    "end": "22:00",
    "pieces": 3,
    "product": "Liver bites",
    "name": "Dog show in Leipzig",
}
#: What every Django command has too.
DJANGO_OPTIONS = {
    "help",
    "version",
    "verbosity",
    "settings",
    "pythonpath",
    "traceback",
    "no_color",
    "force_color",
    "skip_checks",
}


def part(name: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Register the part of a reference page under a name."""

    def register(make: Callable[[], str]) -> Callable[[], str]:
        PARTS[name] = make
        return make

    return register


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table."""
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = [heads, ["---"] * len(heads), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def code(value: Any) -> str:
    """Return a value as code; what is empty as such."""
    return f"`{value}`" if value not in ("", None, ()) else "empty"


@part("settings")
def settings_() -> str:
    """Return every setting with its kind and default."""
    from loyalty_oscar.program.conf import PREFIX, LoyaltySettings

    defaults = LoyaltySettings()
    return "\n\n".join(
        f"## {PREFIX}{spec.name}\n\n{spec.metadata['doc']}\n\n"
        f"Default: {in_words(getattr(defaults, spec.name))}. Takes {kind(get_type_hints(LoyaltySettings)[spec.name])}."
        for spec in dataclasses.fields(LoyaltySettings)
    )


def in_words(value: Any) -> str:
    """Return a default as a reader writes it."""
    if value and isinstance(value, tuple):
        return ", ".join(code(json.dumps(each)) for each in value)
    return code("None" if value is None else value)


def kind(hint: Any) -> str:
    """Return what sort of value a setting takes."""
    kinds = {bool: "`True` or `False`", int: "a whole number of at least 1", str: "a text"}
    kinds |= {tuple[int, ...]: "a list of whole numbers", bool | None: "`True`, `False` or `None`"}
    kinds |= {
        Mapping[str, str]: "a dictionary of texts",
        Mapping[str, int | str]: "a dictionary of whole numbers and texts",
    }
    return kinds.get(hint, "a list of texts")


def command_names() -> list[str]:
    """Return the names of our management commands."""
    return sorted(name for name, app in get_commands().items() if app == "loyalty_oscar.shop")


def options_of(name: str) -> list[argparse.Action]:
    """Return the options that a command of ours adds to Django's."""
    parser = load_command_class("loyalty_oscar.shop", name).create_parser("manage.py", name)
    return [action for action in parser._actions if action.dest not in DJANGO_OPTIONS]


@part("commands")
def commands() -> str:
    """Return every command with its options."""
    found = []
    for name in command_names():
        found.append(f"## {name}\n\n{load_command_class('loyalty_oscar.shop', name).help}")
        rows = [(code(spelled(action)), f"{action.help or ''}{choices(action)}") for action in options_of(name)]
        found.append(table(["option", "what it does"], rows) if rows else "No options of its own.")
    return "\n\n".join(found)


def spelled(action: argparse.Action) -> str:
    """Return an option as it is typed."""
    name = action.option_strings[0] if action.option_strings else ""
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    return f"{name} {value}".strip()


def choices(action: argparse.Action) -> str:
    return f" ({', '.join(map(str, action.choices))})" if action.choices else ""


@part("because-codes")
def because_codes() -> str:
    """Return every because code that the suite knows, with its English words for sample parameters."""
    from django.utils.translation import override

    from loyalty_oscar.program.words import reasons

    with override("en"):
        rows = [(code(name), say(SAMPLE), code(floor(say))) for name, say in sorted(reasons.items())]
    return table(["code", "what it says", "from"], rows)


def floor(function: Callable[..., Any]) -> str:
    """Return the app that something of ours comes from."""
    return function.__module__.split(".")[1]


@part("kinds")
def kinds() -> str:
    """Return the kinds of entries."""
    from loyalty_oscar.ledger.models import Kind

    return table(["kind", "customers read"], [(code(each.value), each.label) for each in Kind])


@part("counters")
def counters() -> str:
    """Return the other sides of entries."""
    from loyalty_oscar.ledger.models import Counter

    return table(["counter", "meaning"], [(code(each.value), each.label) for each in Counter])


@part("tags")
def tags() -> str:
    """Return the template tags of `{% load loyalty %}`."""
    from loyalty_oscar.shop.templatetags.loyalty import register

    rows = [(code(name), first_line(tag)) for name, tag in sorted(register.tags.items())]
    return table(["tag", "what it does"], rows)


def first_line(thing: Any) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((thing.__doc__ or "").strip().split("\n\n")[0].split())


@part("css-variables")
def css_variables() -> str:
    """Return the variables that the style sheet reads, with the values it falls back to."""
    sheet = (ROOT / "shop/static/loyalty/loyalty.css").read_text(encoding="utf-8")
    found: Mapping[str, str] = dict(sorted(re.findall(r"var\((--loyalty-[a-z-]+), ([^)]+)\)", sheet)))
    return table(["variable", "without it"], [(code(name), code(value)) for name, value in found.items()])


@part("permissions")
def permissions() -> str:
    """Return the permissions that are ours beyond Django's four of every model."""
    rows = [
        (code(f"{model._meta.app_label}.{codename}"), name)
        for model in apps.get_models()
        if model._meta.app_label.startswith("loyalty_")
        for codename, name in model._meta.permissions
    ]
    return table(["permission", "what it allows"], rows)


@part("jobs")
def jobs() -> str:
    """Return the jobs in the order in which they run."""
    from loyalty_oscar.shop.upkeep.jobs import JOBS

    rows = [(code(job.name), job.what, "once a day" if job.nightly else "every time") for job in JOBS]
    return table(["job", "what it counts", "when"], rows)


@part("events")
def events() -> str:
    """Return the topics of events with their versions and payloads."""
    from loyalty_oscar.program.events import topics

    rows = [
        (
            code(name),
            topic.version,
            topic.text,
            ", ".join(f"{code(key)}: {what}" for key, what in topic.payload.items()),
        )
        for name, topic in topics.items()
    ]
    return table(["topic", "version", "what happened", "payload"], rows)


@part("rule-types")
def rule_types() -> str:
    """Return the types of earning rules and of conditions with their parameters."""
    from loyalty_oscar.earning.rules import conditions, earning_rules

    found = []
    for title, registry in (("Rules", earning_rules), ("Conditions", conditions)):
        rows = [
            (code(name), ", ".join(f"`{spec.name}`" for spec in dataclasses.fields(each)), first_line(each))
            for name, each in registry.items()
        ]
        found.append(f"## {title}\n\n" + table(["code", "parameters", "what it does"], rows))
    return "\n\n".join(found)


def door_of(hook: Any) -> str:
    """Return the name by which a store imports a hook."""
    from loyalty_oscar import extend

    return f"extend.{hook.name}" if hasattr(extend, hook.name) else f"{hook.spec.__module__}.{hook.name}"


def calls(spec: type) -> str:
    """Return how the methods of a protocol are called: "apply(orders, at, batch)"."""
    from loyalty_oscar.kernel.signatures import CALL, attributes_of, methods_of

    found = [f"`{name}`" for name in attributes_of(spec=spec)]
    for name, signature in methods_of(spec=spec).items():
        written = ", ".join(signature.parameters)
        said = first_line(vars(spec).get(name)).rstrip(".")
        found.append(f"`{'' if name == CALL else name}({written})`" + (f": {said}" if said else ""))
    return "".join(f" {each}." for each in found)


@part("hooks")
def hooks() -> str:
    """Return every hook with what it is asked, what becomes of an error, and who answers in what order."""
    found = [hook for name, hook in sorted(known_hooks().items()) if ":" not in name]
    rows = [
        (
            code(door_of(hook)),
            "".join([first_line(hook.spec), *(calls(spec) for spec in (hook.spec, *hook.also))]),
            hook.on_error.value,
            ", ".join(f"{name} {hook.number_of(name)}" for name in hook) or "nobody",
        )
        for hook in found
    ]
    return table(["hook", "what is asked", "error", "the suite's, with their order"], rows)


@part("places")
def places() -> str:
    """Return every place with its subject, and who shows something there."""
    from loyalty_oscar.program.contributions import PLACES, at

    rows = [(code(p.name), p.subject, p.where, ", ".join(at(p.name)) or "nobody", p.since) for p in PLACES]
    return table(["place", "subject", "where", "the suite's", "since"], rows)


def known_hooks() -> Mapping[str, Any]:
    """Return all hooks by name, with those that features fill in the admin."""
    from django.contrib import admin

    from loyalty_oscar.kernel.hooks import Hook

    admin.autodiscover()
    return Hook.every


@part("functions")
def functions() -> str:
    """Return every function by which a store's code reads and writes, module by module."""
    found = []
    for app in sorted(apps.get_app_configs(), key=lambda one: one.name):
        for name in ("operations", "queries"):
            home = f"{app.name}.{name}"
            if app.name.startswith("loyalty_oscar.") and find_spec(home):
                rows = [(code(f"{each.__name__}{written(each)}"), first_line(each)) for each in offered(home)]
                found.append(f"## `{home}`\n\n{table(['function', 'what it does'], rows)}")
    return "\n\n".join(found)


def offered(home: str) -> list[Callable[..., Any]]:
    """Return the functions that a module offers: those its `__all__` names, else its own that are not private."""
    module = import_module(home)
    names = getattr(module, "__all__", None) or [
        name for name, value in vars(module).items() if getattr(value, "__module__", "") == home
    ]
    found = [getattr(module, name) for name in sorted(names) if not name.startswith("_")]
    return [each for each in found if inspect.isfunction(each)]


def written(function: Callable[..., Any]) -> str:
    """Return the arguments of a function as its caller writes them: "(account_id, points, at, actor=…)"."""
    parameters = inspect.signature(function).parameters.values()
    return f"({', '.join(p.name if p.default is p.empty else f'{p.name}=…' for p in parameters)})"


@part("api")
def api() -> str:
    """Return every address of the REST API with its fields, from the description that it serves."""
    from django.urls import reverse
    from drf_spectacular.generators import SchemaGenerator

    from loyalty_oscar.api.routes import name_of, routes

    described = SchemaGenerator().get_schema(public=True)
    shapes, found = described["components"]["schemas"], []
    below = reverse("loyalty:api-schema").removesuffix("schema/")
    for route in routes:
        name, path = name_of(path=route), re.sub(r"<\w+:(\w+)>", r"{\1}", route)
        methods = described["paths"][f"{below}{path}"]
        rows = [
            (code(method.upper()), each["description"].split("\n")[0], ", ".join(map(code, sorted(each["responses"]))))
            for method, each in methods.items()
        ]
        found.append(
            f"## /loyalty/api/{path}\n\nName: `{name}`.\n\n" + table(["method", "what it does", "answers"], rows)
        )
        answer = next(iter(methods.values()))["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        found.append(table(["field", "kind", "what it is"], fields_of(shapes, answer.rpartition("/")[2])))
    return "\n\n".join(found)


def fields_of(shapes: Mapping[str, Any], name: str, before: str = "") -> Iterable[tuple[str, str, str]]:
    """Return (field, kind, meaning) for each field of a shape, after it those of the shape in it."""
    for field, told in shapes[name]["properties"].items():
        inner = told.get("items", told)
        ref = inner.get("$ref") or next((part["$ref"] for part in inner.get("allOf", ()) if "$ref" in part), "")
        shape = ref.rpartition("/")[2]
        kind_ = "list" if "items" in told else shapes[shape]["type"] if shape else told["type"]
        yield (
            code(f"{before}{field}"),
            f"{kind_} or null" if told.get("nullable") else kind_,
            told.get("description", ""),
        )
        if "properties" in shapes.get(shape, ()):
            yield from fields_of(shapes, shape, f"{before}{field}.")


@part("factories")
def factories() -> str:
    """Return every factory with what it takes."""
    from loyalty_oscar.testing import factories as there

    return "\n\n".join(
        f"### {name}\n\n{inspect.getdoc(getattr(there, name))}\n\n" + table(["", ""], parts_of(getattr(there, name)))
        for name in sorted(there.__all__)
    )


def parts_of(made: Any) -> Iterable[tuple[str, str]]:
    """Return what a factory takes: its fields, its parts and its switches."""
    meta = made._meta
    traits = {name for name, value in meta.parameters.items() if type(value).__name__ == "Trait"}
    kinds = {
        "makes": [made._meta.model.__name__],
        "fields": [name for name in meta.pre_declarations if name not in traits],
        "parts": [name for name in meta.post_declarations if name in meta.base_declarations],
        "switches": sorted(traits),
    }
    return [(kind, ", ".join(map(code, names))) for kind, names in kinds.items() if names]


@part("example-order")
def example_order() -> str:
    """Return the order of the worked example."""
    from loyalty_example import order

    return table(["line", "paid", "exact points", "points"], order())


@part("example-returns")
def example_returns() -> str:
    """Return what the worked example takes back."""
    from loyalty_example import returns

    return table(["what goes back", "points taken back", "left"], returns())


@part("refund-order")
def refund_order() -> str:
    """Return the order of the example of a refund."""
    from loyalty_refund import order

    return table(["line", "to pay", "paws used", "taken off", "paid", "paws earned"], order())


@part("refund-steps")
def refund_steps() -> str:
    """Return what each step of the example of a refund moves."""
    from loyalty_refund import returns

    return table(["what goes back", "money back", "used paws return", "earned paws go"], returns())


@part("demo-people")
def demo_people() -> str:
    """Return who can be looked at in the demo shop, and what each shows."""
    return table(["who", "shows"], [(code(person.email), person.sees) for person in people.demo()])


def fill(text: str) -> str:
    """Return a page with its generated parts; a part that nobody makes is an error."""
    return PLACE.sub(lambda found: PARTS[found[1]](), text)


def _on_source_read(app: Any, docname: str, source: list[str]) -> None:
    source[0] = fill(source[0])


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx fill the pages while it reads them."""
    app.connect("source-read", _on_source_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
