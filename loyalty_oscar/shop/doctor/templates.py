"""Do our pieces reach the pages, or does a copy in the store hide them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.template import TemplateDoesNotExist, engines
from django.template.backends.django import DjangoTemplates

from .findings import Finding, Level, doctor_checks

OURS = Path(__file__).parents[1] / "templates"
TAG = re.compile(r"{%-?\s*(loyalty_\w+)")


@doctor_checks.register("templates", order=20)
def shadowed(*, at: datetime) -> Iterator[Finding]:
    """Every template of Oscar's that we extend is reached, or named with what hides it and the tags to use instead."""
    hidden = 0
    for path in sorted(OURS.glob("oscar/**/*.*")):
        name = path.relative_to(OURS).as_posix()
        shadow = _shadow(name)
        if shadow is not None:
            hidden += 1
            tags = list(dict.fromkeys(TAG.findall(path.read_text(encoding="utf-8"))))
            use = " ".join(f"{{% {tag} %}}" for tag in tags)
            hint = f"Put {{% load loyalty %}} {use} there where you want it." if tags else ""
            hint += f' Or let it begin with {{% extends "{name}" %}}.'
            text = f"{name} is shadowed by {shadow}"
            yield Finding(level=Level.WARNING, about="templates", text=text, hint=hint.strip())
    if not hidden:
        yield Finding(level=Level.OK, about="templates", text="ours are reached")


def _shadow(name: str) -> str | None:
    """Return the first template of this name that neither is ours nor passes on to the next of the same name."""
    passes_on = re.compile(r"{%-?\s*extends\s+[\"']" + re.escape(name) + r"[\"']")
    backends = [backend for backend in engines.all() if isinstance(backend, DjangoTemplates)]
    for loader in (loader for backend in backends for loader in backend.engine.template_loaders):
        for origin in loader.get_template_sources(name):
            if Path(origin.name).is_relative_to(OURS):
                return None
            try:
                source = origin.loader.get_contents(origin)
            except TemplateDoesNotExist:
                continue
            if not passes_on.search(source):
                return str(origin.name)
    return "nothing: no template loader finds it"
