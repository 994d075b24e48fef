"""
How the forks get their migrations.

`oscar_fork_app` copies Oscar's migrations into the fork, and the store's own follow. The forks here look into Oscar's
folder instead of copying it (see the `__path__` of their `migrations`), so that the history is always the one of the
Oscar that is installed.
"""

import pkgutil
from importlib import import_module


def last(app: str) -> str:
    """Name of the newest migration that Oscar has for `app`: the one that the store's own step follows."""
    return max(module.name for module in pkgutil.iter_modules(import_module(f"oscar.apps.{app}.migrations").__path__))
