"""The program of the shop floor."""

from tests.fixtures import usable_unit  # noqa: F401
