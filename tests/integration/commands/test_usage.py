"""What every command answers to wrong arguments: 2 where they make no sense, 1 where something is not there."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from loyalty_oscar.testing.factories import UnitFactory
from tests.integration.commands.calling import expect_refusal

pytestmark = pytest.mark.django_db

NONSENSE = [
    ("run --every 0", "--every takes a number of at least 1, not 0"),
    ("run --every -5", "--every takes a number of at least 1, not -5"),
    ("run --every 1.5", "invalid int value"),
    ("run --only everything", "invalid choice"),
    ("run --only=", "invalid choice"),
    ("doctor --product 3", "--product goes with --rehearse"),
    ("audit --account 0", "--account takes a number of at least 1, not 0"),
    ("audit --account me", "invalid int value"),
    ("setup --currency eur", "'eur' is no currency"),
    ("setup --currency XTS", "'XTS' is no currency that people pay with"),
    ("setup --currency XAU", "'XAU' is no currency"),
    ("setup --currency EURO", "'EURO' is no currency"),
    ("setup --code Club", "code: Use small letters"),
    ("setup --name", "expected one argument"),
    ("setup --cashback 0", "--cashback is a percentage"),
    ("setup --cashback -1", "--cashback is a percentage"),
    ("setup --cashback much", "--cashback is a percentage"),
    ("setup --preset club2", "invalid choice: 'club2'"),
    ("setup --preset club --levels", "--preset says itself"),
    ("setup --anyway", "--anyway goes with --live"),
    ("reconcile --since soon", "'soon' is no moment"),
    ("reconcile --since 2999-01-01", "lies in the future"),
    ("reconcile --deleted 100001", "--deleted and --came-to go together"),
    ("reconcile --came-to kept", "--deleted and --came-to go together"),
    ("reconcile --deleted 100001 --came-to gold", "invalid choice"),
    ("reconcile --deleted 100001 --came-to kept --dry-run", "--dry-run does not go with --deleted"),
    ("welcome", "either --since DATE or --undo BATCH"),
    ("welcome --since 2d --undo welcome:1", "either --since DATE or --undo BATCH"),
    ("welcome --since -2d", "expected one argument"),
    ("welcome --since yesterday", "'yesterday' is no moment"),
    ("welcome --since 2026-02-30", "'2026-02-30' is no moment"),
    ("welcome --since 2999-01-01", "lies in the future"),
    ("import", "the following arguments are required: FILE.csv"),
    ("uninstall --app", "expected one argument"),
]
NOT_THERE = [
    ("audit --account 99999999999999999999", "there is no account 99999999999999999999"),
    ("doctor --rehearse --product 999999", "the product '999999' is not on sale"),
    ("reconcile --deleted nope --came-to kept", "nope"),
    ("welcome --since 2d --program nope", "there is no program 'nope'; there are: "),
    ("welcome --undo welcome:7", "there is no batch 'welcome:7'"),
    ("import none.csv --program nope", "there is no program 'nope'; there are: "),
    ("import none.csv", "none.csv cannot be read"),
    ("import /", "/ cannot be read"),
    ("uninstall --yes --app nope", "there is no app 'nope'"),
    ("uninstall --yes --export /dev/null", "cannot be written"),
]


def ours():
    """The commands of the suite, without the part of their names that all share."""
    return {name.removeprefix("loyalty_") for name, app in get_commands().items() if app.startswith("loyalty_oscar")}


#: What Django gives every command that takes a value.
BASE = {"--settings", "--pythonpath"}


@pytest.fixture
def live():
    return UnitFactory(program__live=True)


@pytest.mark.parametrize(("line", "says"), NONSENSE)
def test_what_makes_no_sense_ends_in_2(live, line, says):
    expect_refusal(line, says=says, code=2)


@pytest.mark.parametrize(("line", "says"), NOT_THERE)
def test_what_is_not_there_ends_in_1(live, line, says):
    expect_refusal(line, says=says)


@pytest.mark.parametrize("name", sorted(ours()))
def test_no_command_knows_an_option_of_nobody(live, name):
    more = ["none.csv"] if name == "import" else []
    expect_refusal(f"{name} --colour red", *more, says="unrecognized arguments", code=2)


@pytest.mark.parametrize("name", sorted(ours()))
def test_every_option_with_a_value_is_tried_here(name):
    parser = load_command_class("loyalty_oscar.shop", f"loyalty_{name}").create_parser("manage.py", f"loyalty_{name}")
    own = [action for action in parser._actions if action.nargs != 0 and "verbosity" not in action.dest]
    options = {option for action in own for option in action.option_strings} - BASE
    lines = [line.split() for line, _says in NONSENSE + NOT_THERE]
    assert options <= {word.partition("=")[0] for words in lines if words[0] == name for word in words}


def test_a_shell_reads_the_same():
    called = [sys.executable, "-m", "django", "loyalty_run", "--every=0", "--settings=tests.settings", "--pythonpath=."]
    root = Path(__file__).parents[3]
    said = subprocess.run(called, cwd=root, capture_output=True, text=True, check=False)
    assert said.returncode == 2, said.stderr
    assert "--every takes a number of at least 1" in said.stderr
