"""What campaigns show in the shop; the one place on this floor that knows the feature."""

from . import (  # noqa: F401 - each registers its pieces
    doctor,
    export,
    for_whom,
    jobs,
    letters,
    listeners,
    reviews,
    storefront,
)
