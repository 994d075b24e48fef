"""What all addresses share: who may ask, how often, and what goes wrong in one shape: `{"code", "detail"}`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.utils.cache import patch_vary_headers
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, NotFound, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView, exception_handler

from loyalty_oscar.program.conf import conf
from loyalty_oscar.shop.storefront.visit import Visit, takes_part

from .strict import JSONOnly, StrictJSON, parameter

logger = logging.getLogger("loyalty_oscar")


class Tokens(TokenAuthentication):
    """Tokens, but for those that PostgreSQL could not even look for."""

    def authenticate_credentials(self, key: str) -> Any:
        if "\0" in key:
            raise AuthenticationFailed
        return super().authenticate_credentials(key)


#: A token wins over a cookie that happens to be there. Without its app, sessions alone.
TOKEN = [Tokens] if apps.is_installed("rest_framework.authtoken") else []


class Throttle(UserRateThrottle):
    """So many requests a customer, as the setting says; empty: without end."""

    scope = "loyalty"

    def get_rate(self) -> str | None:
        return conf.API_RATE or None

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Let everybody in where nothing can be counted: a cache that is away shuts no app out."""
        try:
            return super().allow_request(request, view)
        except Exception:
            logger.exception("requests cannot be counted: the cache is away")
            return True


class ErrorSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="For programs; codes are for ever.")
    detail = serializers.CharField(help_text="For people, in the language of the request.")

    class Meta:
        ref_name = "LoyaltyError"


class Conflict(APIException):
    """The desk refused; its code and its words."""

    status_code = 409


class NothingElse(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Tells OpenAPI that a body (`target_class`) has nothing else."""

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        found = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**found, "additionalProperties": False}


class BecauseSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="For programs; codes are for ever.")
    params = serializers.DictField(child=serializers.JSONField(), help_text="What the words are made of.")
    text = serializers.CharField(allow_blank=True, help_text="The reason in words, in the language of the request.")

    class Meta:
        ref_name = "LoyaltyBecause"


WRONG = {
    400: ("invalid", "Something in the request is unknown, missing or not meant exactly so."),
    401: ("not_authenticated", "Nobody is signed in, or the token is not known."),
    403: ("permission_denied", "A session was used without its CSRF token."),
    404: ("not_found", "No program serves this site, you take no part in it, or what is named is not there for you."),
    409: ("not_enough_points", "The points cannot be used; nothing has changed."),
    413: ("too_large", "The body is too large."),
    415: ("unsupported_media_type", "The body is not `application/json`."),
    429: ("throttled", "Too many requests; `Retry-After` says when to come back."),
}


def described(
    *, answer: type[serializers.Serializer], example: dict[str, Any], wrong: tuple[int, ...] = (), **what: Any
) -> Callable[..., Any]:
    """Return a decorator that tells OpenAPI what a method answers, errors and all, whatever the store has set."""
    well = OpenApiResponse(answer, examples=[OpenApiExample("example", value=example, response_only=True)])

    def error(status: int) -> OpenApiResponse:
        code, text = WRONG[status]
        example = OpenApiExample(code, value={"code": code, "detail": text}, response_only=True)
        return OpenApiResponse(ErrorSerializer, description=text, examples=[example])

    def tell(method: Callable[..., Any]) -> Callable[..., Any]:
        setattr(method, "schema", AutoSchema)  # noqa: B010 - a function takes it, its type does not know.
        responses = {200: well, **{status: error(status) for status in (400, 401, 404, 429, *wrong)}}
        return extend_schema(responses=responses, tags=["loyalty"], **what)(method)

    return tell


class MemberView(APIView):
    """An address for a signed-in customer about that customer alone: nothing in a request can name another."""

    authentication_classes = [*TOKEN, SessionAuthentication]
    permission_classes = [IsAuthenticated]
    throttle_classes = [Throttle]
    renderer_classes = [JSONRenderer]
    parser_classes = [StrictJSON]
    content_negotiation_class = JSONOnly
    metadata_class = None
    versioning_class = None
    schema = AutoSchema()
    #: The one parameter that the address takes, if any.
    parameter = ""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.number = parameter(given=request.query_params, name=self.parameter)
        self.visit = Visit(request)
        unit = self.visit.unit
        if unit is None or not takes_part(visit=self.visit):
            raise NotFound
        self.unit = unit

    def onward(self, query: str) -> str:
        """Return this very address with another query."""
        match: Any = self.request.resolver_match  # There is one: it led here.
        return f"{reverse(f'{match.namespace}:{match.url_name}', request=self.request)}?{query}"

    def get_authenticate_header(self, request: Request) -> str:
        """Say 401 to strangers in a shop without tokens too."""
        return super().get_authenticate_header(request) or "Session"

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return in_one_shape

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        found = super().finalize_response(request, response, *args, **kwargs)
        found["Cache-Control"] = "private, no-store"
        patch_vary_headers(found, ("Authorization", "Cookie", "Accept-Language"))
        return found


def in_one_shape(error: Exception, context: Any) -> Response | None:
    """Return what REST framework answers to an error as `{"code", "detail"}`; an unknown one goes on."""
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, ValidationError):
        response.data = {"code": "invalid", "detail": " ".join(map(str, error.detail))}
    else:
        said = response.data["detail"]
        response.data = {"code": getattr(said, "code", "not_found"), "detail": str(said)}
    return response
