"""
Every sentence of ours that customers read: `python -m tests.words` prints catalogue key, sentence and places.

The list is made from the sources as `makemessages` makes a catalogue: Django turns templates into calls, Babel finds
the calls. Only what staff read is left out, by the names of folders and modules, so whatever is new is on the list.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from babel.messages.extract import extract
from django.utils.translation.template import templatize

ROOT = Path(__file__).parents[1]
CALLS = {
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
#: Folders and modules whose words only staff or developers read.
STAFF = {
    *("abstract", "actors", "admin", "apps", "clashes", "dashboard", "doctor", "faults", "forms", "front", "imports"),
    *("jobs", "management", "by_hand", "finding", "history", "in_force", "kind", "kinds", "naming", "references"),
    *(
        "metrics",
        "models",
        "params",
        "range_guard",
        "ranges",
        "rehearsal",
        "segment_admin",
        "segment_forms",
        "sentences",
        "staff",
        "strict",
        "traits_consent",
        "upkeep",
        "zones",
    ),
}
#: What customers read all the same: the rules on the page of how it works.
SHOWN = {"loyalty_oscar/earning/sentences.py"}
MARKUP = re.compile(r"<[^>]+>")


@dataclass(kw_only=True, slots=True)
class Sentence:
    """An entry of the catalogue: its forms ("… day", "… days") and the places it comes from ("path:line")."""

    context: str
    forms: tuple[str, ...]
    places: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The key of the entry, as a catalogue shows it: its context and its first form."""
        return f"{self.context}|{self.forms[0]}"

    @property
    def told(self) -> str:
        """The sentence as it is read: without markup, placeholders in angles, in its last form ("… ‹days› days")."""
        return spoken(self.forms[-1])


def spoken(text: str) -> str:
    """Return a form as it is read aloud."""
    text = MARKUP.sub("", re.sub(r"%\((\w+)\)[a-z]", r"‹\1›", text.replace("%%", "%")))
    return re.sub(r"{(\w+)}", r"‹\1›", text)


def sentences() -> list[Sentence]:
    """Return what customers read, in the order of the alphabet."""
    found: dict[tuple[str, str], Sentence] = {}
    for path in paths():
        name = path.relative_to(ROOT).as_posix()
        for line, context, forms in in_text(path.read_text(encoding="utf-8"), is_template=path.suffix != ".py"):
            entry = found.setdefault((context, forms[0]), Sentence(context=context, forms=forms))
            entry.forms = max(entry.forms, forms, key=len)
            entry.places.append(f"{name}:{line}")
    return sorted(found.values(), key=lambda one: (one.told.casefold(), one.key))


def paths() -> Iterator[Path]:
    """The files that may hold a customer's words: templates, and modules that no name of `STAFF` leaves out."""
    for path in sorted((ROOT / "loyalty_oscar").rglob("*")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_shown = path.relative_to(ROOT).as_posix() in SHOWN or not STAFF & set(parts)
        if is_shown and (path.suffix == ".py" or ("templates" in parts and path.suffix in {".html", ".txt"})):
            yield path


def in_text(text: str, *, is_template: bool) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """The line, the context and the forms of each entry in a module or a template."""
    if is_template:
        # What Django makes of a template is no Python outside the calls, whose arguments stay on one line.
        calls = templatize(text).split("\n")
        text = "\n".join(call.strip() if "gettext(" in call else "" for call in calls)
    for line, forms, _comments, context in extract("python", io.BytesIO(text.encode()), CALLS):
        yield line, context or "", (forms,) if isinstance(forms, str) else tuple(forms)


if __name__ == "__main__":
    from django.conf import settings

    settings.configure()
    for one in sentences():
        print(one.key, one.told, ", ".join(one.places), sep="\t")
