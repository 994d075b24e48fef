"""What campaigns show in the shop; the one place on this floor that knows the feature."""

from . import (  # noqa: F401 - each registers its pieces
    case_desk,
    case_sources,
    doctor,
    farewell,
    for_whom,
    front,
    goals,
    guide,
    jobs,
    letters,
    lifecycle,
    listeners,
    prompts,
    reviews,
    staff,
    storefront,
)
