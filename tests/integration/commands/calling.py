"""Commands as a shell calls them, and what stands in our tables before and after."""

from dataclasses import dataclass
from io import StringIO

from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.models import Sum

from loyalty_oscar.ledger.models import Account


@dataclass
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def manage(line, *more, **options):
    """Run `manage.py loyalty_<line>`; more arguments may hold spaces."""
    out, err = StringIO(), StringIO()
    name, *arguments = line.split()
    try:
        call_command(f"loyalty_{name}", *arguments, *map(str, more), stdout=out, stderr=err, **options)
    except CommandError as refusal:
        return Said(refusal.returncode, out.getvalue(), f"{err.getvalue()}{refusal}")
    return Said(0, out.getvalue(), err.getvalue())


def books():
    """How many rows each table of ours holds (the job log apart), and all points."""
    ours = [model for model in apps.get_models() if model._meta.app_label.startswith("loyalty_")]
    rows = {model._meta.db_table: model.objects.count() for model in ours if model.__name__ != "JobRun"}
    sums = {name: Sum(name, default=0) for name in ("available", "pending", "reserved", "debt")}
    return rows | Account.objects.aggregate(**sums)


def expect_refusal(line, *more, says, code=1):
    """Assert that a command refuses in one line that holds these words, and writes nothing."""
    before = books()
    said = manage(line, *more)
    assert said.code == code
    assert says in said.err, said.err
    assert "\n" not in said.err.strip()
    assert books() == before
