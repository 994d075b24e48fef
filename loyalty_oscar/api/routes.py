"""The addresses of features by their paths: each file registers its own, and only where it is installed."""

from __future__ import annotations

import re

from django.views import View

from loyalty_oscar.kernel.registry import Registry

#: path below the API -> view class
routes: Registry[type[View]] = Registry("address")


def name_of(*, path: str) -> str:
    """Return the name of an address: `api-` and its path with dashes, without what stands in its place holders."""
    return "api-" + re.sub(r"/<[^>]+>", "", path).replace("/", "-")
