"""The addresses of features by their paths: each file registers its own, and only where it is installed."""

from __future__ import annotations

from django.views import View

from loyalty_oscar.kernel.registry import Registry

#: path below the API -> view class; its name is `api-` and the path with dashes.
routes: Registry[type[View]] = Registry("address")
