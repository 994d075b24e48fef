"""What earning shows in the shop; the one place on this floor that knows the feature."""

from . import (  # noqa: F401 - each registers its pieces
    desk,
    doctor,
    export,
    guide,
    notices,
    panels,
    rehearsal,
    setup,
    welcome,
)
