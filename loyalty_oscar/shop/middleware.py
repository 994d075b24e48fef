"""The one middleware: each request gets `request.loyalty`, which asks nothing until somebody asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.utils.decorators import sync_and_async_middleware

from .visit import Visit


@sync_and_async_middleware
def LoyaltyMiddleware(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Put a lazy `Visit` on every request. Stands after Oscar's BasketMiddleware; costs no query."""
    if iscoroutinefunction(get_response):

        async def middleware(request: Any) -> Any:
            request.loyalty = Visit(request)
            return await get_response(request)

    else:

        def middleware(request: Any) -> Any:
            request.loyalty = Visit(request)
            return get_response(request)

    return middleware
