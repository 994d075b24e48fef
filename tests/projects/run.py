"""
Do things in one of the shops: `DJANGO_SETTINGS_MODULE=tests.projects.bare.settings python -m tests.projects.run past`.

A step is a module of `steps` with a `run` or, with a colon in front, a management command (`":loyalty_doctor --json"`).
All steps share one process; each prints what it found as one line of JSON.
"""

import contextlib
import gc
import io
import json
import shlex
import sys
from importlib import import_module

import django
from django.core.management import ManagementUtility

from tests.template import SELDOM


def command(line: str) -> dict:
    """Run a management command as a shell would; answers with its exit code and its words."""
    code, out = 0, io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            ManagementUtility(["manage.py", *shlex.split(line)]).execute()
        except SystemExit as leave:
            code = leave.code if isinstance(leave.code, int) else int(bool(leave.code))
    return {"exit": code, "said": out.getvalue()}


def main(steps: list[str]) -> None:
    gc.set_threshold(*SELDOM)
    django.setup()
    for step in steps:
        found = command(step[1:]) if step.startswith(":") else import_module(f"tests.projects.steps.{step}").run()
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
