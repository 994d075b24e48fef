"""
The test clock: members of a draft are made up and their time is turned forward, on tables apart that are rolled back.
Features say what else they know of these members in `test_sights`.
"""

from . import page  # noqa: F401 - registers its piece
from .sights import TestSight, test_sights

__all__ = ["TestSight", "test_sights"]
