"""OpenAPI of these addresses alone, whatever else the store serves."""

from __future__ import annotations

from typing import Any

from django.utils.cache import patch_cache_control
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_oscar import __version__

from .views import MemberView


def ours(endpoints: list[Any]) -> list[Any]:
    """Keep the addresses of the suite; called by drf-spectacular before it looks at any."""
    return [found for found in endpoints if issubclass(getattr(found[3], "cls", object), MemberView)]


class SchemaView(SpectacularJSONAPIView):
    """The description of the API for programs, open to everybody."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []
    versioning_class = None
    schema = None
    custom_settings = {
        "TITLE": "loyalty_oscar",
        "DESCRIPTION": "What a member has, why, and points in the basket.",
        "VERSION": __version__,
        "PREPROCESSING_HOOKS": ["loyalty_oscar.api.schema.ours"],
    }

    def _get_version_parameter(self, request: Request) -> None:
        """Know one version alone: drf-spectacular would write whatever was asked for into a header."""

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        found = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(found, private=True)
        return found
