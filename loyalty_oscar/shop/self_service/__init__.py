"""What people may do about themselves: keep a guest's points, take their data along, and leave."""

from . import (  # noqa: F401 - they register a receiver and pieces of pages
    consent_pages,
    erasure,
    pieces,
)
