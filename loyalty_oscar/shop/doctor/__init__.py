"""
What the doctor looks at, and what was found.

A check is a function `(at) -> Iterable[Finding]`, registered in `program.registries.checks` under a name that
begins with "doctor:". It names its subject, says what is the matter, and what to do.
"""

from . import install, orders, state, templates, words  # noqa: F401 - their checks register themselves
from .findings import Finding, Level, examine

__all__ = ["Finding", "Level", "examine"]
