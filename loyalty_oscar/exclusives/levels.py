"""What the levels of a program are called, as whoever knows of levels says."""

from loyalty_oscar.program.levels import level_names, levels

__all__ = ["level_names", "levels"]
