"""Leaving a shop as it was: rows are exported, what would break pages goes, and our tables with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.apps import AppConfig, apps
from django.contrib.contenttypes.models import ContentType
from django.core import serializers
from django.core.management import call_command
from django.db import connections, models
from django.db.migrations.loader import MigrationLoader

from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed
from loyalty_oscar.ledger import triggers
from loyalty_oscar.ledger.queries import owed
from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import RAISE, Hook
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.program.worth import worth

PREFIX = "loyalty_"
#: What is always installed, though no table of ours refers to it, and why it cannot go alone.
STAYS = {
    "shop": "holds the pages and these commands",
    "people": "holds what people told of themselves, which the pages ask for",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """One table of ours and how many rows it holds now."""

    model: type[models.Model]
    rows: int


class UninstallNote(Protocol):
    """Says before apps go what is lost with them."""

    def __call__(self, *, names: list[str]) -> Iterable[str]:
        """Return a sentence for each thing, where these apps (`earning`) mean it."""
        ...


class UninstallStep(Protocol):
    """Removes what would break pages without us, before our tables go."""

    def __call__(self, *, names: list[str]) -> Iterable[str]:
        """Do it, where these apps (`earning`) go; return a line for each step, also where it is done again."""
        ...


uninstall_notes: Hook[UninstallNote] = Hook("uninstall_notes", UninstallNote, on_error=RAISE)
uninstall_steps: Hook[UninstallStep] = Hook("uninstall_steps", UninstallStep, on_error=RAISE)


def our_apps() -> dict[str, AppConfig]:
    """Return the apps of the suite that keep tables, by short name (`earning`)."""
    ours = [config for config in apps.get_app_configs() if config.name.startswith("loyalty_oscar.")]
    return {config.label.removeprefix(PREFIX): config for config in ours if any(config.get_models())}


def needs(config: AppConfig) -> set[str]:
    """Return the short names of the other apps of ours to whose tables an app refers."""
    labels = {
        field.related_model._meta.app_label
        for model in config.get_models(include_auto_created=True)
        for field in model._meta.get_fields()
        if field.concrete and field.is_relation and field.related_model
    }
    return {label.removeprefix(PREFIX) for label in labels if label.startswith(PREFIX)} - {
        config.label.removeprefix(PREFIX)
    }


def order_of_leaving() -> list[str]:
    """Return our apps so that none goes before those that refer to it."""
    ours = our_apps()
    left, order = {name: needs(config) for name, config in ours.items()}, []
    while left:
        wanted = set().union(*left.values())
        free = sorted(name for name in left if name not in wanted)
        order += free
        left = {name: others for name, others in left.items() if name not in free}
    return order


def leaving(*, app: str = "") -> list[str]:
    """
    Return what goes, in order: everything, or one feature.

    Raises `LoyaltyError` for a name that is none and `NotAllowed` where others refer to it, of ours or of the shop's.
    """
    ours = our_apps()
    if app and app not in ours:
        raise LoyaltyError(f"there is no app {app!r} with tables; there are: {', '.join(sorted(ours))}")
    if app in STAYS:
        raise NotAllowed(f"{app} {STAYS[app]}; leave --app out to take everything away")
    if app:
        for name, config in ours.items():
            if app in needs(config) and name != app:
                raise NotAllowed(f"{app} cannot go alone: tables of {name} refer to it; take {name} away first")
    names = [app] if app else order_of_leaving()
    _check_foreigners({ours[name].label for name in names})
    return names


def _check_foreigners(labels: set[str]) -> None:
    """Refuse where migrations of the shop's own apps stand on ours: taking ours back would take theirs along."""
    graph = MigrationLoader(connections[write_db()]).graph
    for key in [key for key in graph.nodes if key[0] in labels]:
        for child in graph.node_map[key].children:
            if child.key[0] not in labels:
                raise NotAllowed(f"the migration {child.key[0]}.{child.key[1]} stands on {key[0]}; take it back first")


def tables(*, names: list[str]) -> list[Table]:
    """Return the tables of these apps with their rows, those that were migrated at all."""
    there = set(connections[write_db()].introspection.table_names())
    every = [model for name in names for model in our_apps()[name].get_models(include_auto_created=True)]
    # Our classes of Oscar's conditions and benefits have no table of their own: those rows are the shop's.
    found = [model for model in every if not model._meta.proxy]
    return [
        Table(model=model, rows=model._base_manager.using(write_db()).count())
        for model in found
        if model._meta.db_table in there
    ]


def word_for(*, names: list[str]) -> str:
    """Return what is typed before these apps go: the name of the program, where that goes and there is one."""
    if "program" not in names or not tables(names=["program"]):
        return "yes"
    return Program.objects.using(write_db()).order_by("pk").values_list("name", flat=True).first() or "yes"


@uninstall_notes.register("points")
def lost_points(*, names: list[str]) -> Iterator[str]:
    """Say how many points of how many members go, and what they are worth."""
    if "ledger" not in names or not tables(names=["ledger"]):
        return
    for unit in Unit.objects.using(write_db()).select_related("program"):
        sums = owed(unit_id=unit.pk)
        if sums.points:
            points = words.points(unit=unit, points=sums.points)
            value = worth(unit=unit, points=sums.points)
            told = f"{points} worth {value}" if value else points
            yield f"{told} of {sums.accounts:,} members of “{unit.program}” are gone."


def consequences(*, names: list[str]) -> Iterator[str]:
    """Yield what features say before they go, a sentence each."""
    for sentences in uninstall_notes.answers(names=names):
        yield from sentences


def export(*, tables: list[Table], folder: Path) -> Iterator[tuple[Table, Path]]:
    """
    Write each table as one file of JSON lines that `loaddata` can read; yields (table, file).

    Raises `LoyaltyError` where the folder holds something already, or it or a file in it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        filled = any(folder.iterdir())
    except OSError as error:
        raise LoyaltyError(f"{folder} cannot be written: {error.strerror}") from error
    if filled:
        raise LoyaltyError(f"{folder} is not empty; name a new folder")
    for table in tables:
        path = folder / f"{table.model._meta.db_table}.jsonl"
        rows = table.model._base_manager.using(write_db()).order_by("pk").iterator(chunk_size=2000)
        try:
            with path.open("w", encoding="utf-8") as file:
                serializers.serialize("jsonl", rows, stream=file)
        except OSError as error:
            raise LoyaltyError(f"{path} cannot be written ({error.strerror}); nothing was taken away") from error
        yield table, path


def take_away(*, names: list[str]) -> Iterator[str]:
    """
    Remove what would break pages, then our tables, then what Django keeps about them; yields a line for each step.

    Needs no rows and no migrated tables; may be called again after a failure.
    """
    for steps in uninstall_steps.answers(names=names):
        yield from steps
    labels = [our_apps()[name].label for name in names]
    for label in labels:
        call_command("migrate", label, "zero", verbosity=0, interactive=False, database=write_db())
        yield f"{label}: tables gone"
    if "ledger" in names:
        with connections[write_db()].cursor() as cursor:
            for statement in triggers.removal(vendor=connections[write_db()].vendor):
                cursor.execute(statement)
    ContentType.objects.using(write_db()).filter(app_label__in=labels).delete()
    ContentType.objects.clear_cache()
    yield "permissions and content types of ours: gone"
