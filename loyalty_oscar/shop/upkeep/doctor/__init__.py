"""
What the doctor looks at, and what was found.

A check is a function `(at) -> Iterable[Finding]`, registered in `doctor_checks`. It names its subject, says what is the
matter, and what to do.
"""

from . import (  # noqa: F401 - their checks register themselves
    install,
    letters,
    orders,
    state,
    templates,
    words,
)
from .findings import Finding, Level, doctor_checks, examine

__all__ = ["Finding", "Level", "doctor_checks", "examine"]
