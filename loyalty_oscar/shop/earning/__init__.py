"""What earning shows in the shop; the one place on this floor that knows the feature."""

from . import (  # noqa: F401 - each registers its pieces
    actions,
    desk,
    doctor,
    export,
    for_whom,
    guide,
    nightly,
    notices,
    panels,
    rehearsal,
    reviews,
    setup,
    ways,
    welcome,
)
