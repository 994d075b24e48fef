"""
A rehearsal: the store's own code sells one thing and takes a unit of it back, inside a transaction that is rolled
back. Features join with pieces of their own, registered in `rehearsal_parts`.
"""

from .placing import bill_of, place
from .play import Number, Rehearsal, rehearse
from .scene import RehearsalPart, Scene, rehearsal_parts

__all__ = ["Number", "Rehearsal", "RehearsalPart", "Scene", "bill_of", "place", "rehearsal_parts", "rehearse"]
