"""The one middleware: each request gets `request.loyalty`, which asks nothing until somebody asks it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib import messages
from django.http import Http404, HttpResponseRedirect
from django.utils.decorators import sync_and_async_middleware
from django.utils.translation import pgettext

from loyalty_oscar.kernel.registry import Registry

from .gate import set_gates
from .offers import LookAgain, NotPlaced
from .product_sets import InUse
from .visit import Visit

logger = logging.getLogger("loyalty_oscar")
#: feature -> function (request) that answers what is sent at checkout in the shop's place, or returns None.
checkpoints: Registry[Callable[..., Any]] = Registry("checkpoint")
#: feature -> pages of the shop (`catalogue:detail`) and a function (request) that is asked before one of them answers:
#: it answers in the shop's place, raises Http404, or returns None.
entrances: Registry[tuple[Collection[str], Callable[..., Any]]] = Registry("entrance")
#: feature -> two functions: (request) says, and asks nothing for it, whether the other, (request, response), has
#: something left to do when a page is ready.
departures: Registry[tuple[Callable[..., bool], Callable[..., None]]] = Registry("departure")
BACK_OFFICE = {"admin", "dashboard"}
SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}


@sync_and_async_middleware
def LoyaltyMiddleware(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """
    Put a lazy `Visit` on every request, and the gates in front of its strategy.

    Stands after Oscar's BasketMiddleware; costs no query, gates ask when the first product is looked at.
    """
    if iscoroutinefunction(get_response):

        async def middleware(request: Any) -> Any:
            welcome(request)
            response = await get_response(request)
            if left := left_to_do(request):
                await sync_to_async(see_off)(left, request, response)
            return response

        async def process_view(request: Any, *_view: Any) -> Any:
            asked = to_be_asked(request)
            return await sync_to_async(stopped)(asked, request) if asked else None

    else:

        def middleware(request: Any) -> Any:
            welcome(request)
            response = get_response(request)
            see_off(left_to_do(request), request, response)
            return response

        def process_view(request: Any, *_view: Any) -> Any:
            return stopped(to_be_asked(request), request)

    middleware.process_view = process_view
    middleware.process_exception = kept
    return middleware


def kept(request: Any, exception: Exception) -> Any:
    """
    Lead back customers whose total changed, and staff who would save or delete what a feature does not let happen; say
    why. Nothing was saved.
    """
    if isinstance(exception, LookAgain):
        messages.warning(request, exception.args[0], fail_silently=True)
        return HttpResponseRedirect(exception.url)
    if request.method in SAFE:
        return None
    match = request.resolver_match
    if isinstance(exception, InUse):
        text = exception.args[0]
    elif isinstance(exception, NotPlaced) and match and BACK_OFFICE & {*match.app_names, *match.namespaces}:
        text = pgettext("loyalty", "Nothing was saved. %(why)s") % {"why": exception}
    else:
        return None
    messages.error(request, text, fail_silently=True)
    return HttpResponseRedirect(request.get_full_path())


def welcome(request: Any) -> None:
    """Put on a request what the house knows of it."""
    request.loyalty = Visit(request)
    if hasattr(request, "strategy"):
        set_gates(strategy=request.strategy, visit=request.loyalty)


def left_to_do(request: Any) -> list[Callable[..., None]]:
    """Return what features have left to do when a page is ready: nothing, for almost everybody."""
    return [act for _name, (is_due, act) in departures.items() if is_due(request=request)]


def see_off(left: list[Callable[..., None]], request: Any, response: Any) -> None:
    """Do it. A fault of ours never takes the page away."""
    for act in left:
        try:
            act(request=request, response=response)
        except Exception:
            logger.exception("a page went out without what was left to do")


def sends_at_checkout(request: Any) -> bool:
    """Return whether this request wants to change something at checkout."""
    return request.method not in SAFE and "checkout" in request.resolver_match.namespaces


def to_be_asked(request: Any) -> list[tuple[str, Callable[..., Any]]]:
    """Return the features that look at this request before the shop answers it: none, on almost every page."""
    page = request.resolver_match.view_name
    asked = [(name, ask) for name, (pages, ask) in entrances.items() if page in pages]
    return [*asked, *checkpoints.items()] if sends_at_checkout(request) else asked


def stopped(asked: list[tuple[str, Callable[..., Any]]], request: Any) -> Any:
    """Return what a feature answers in the shop's place, or None. A fault of ours never stops a checkout."""
    for name, ask in asked:
        try:
            if answer := ask(request=request):
                return answer
        except Http404:
            raise
        except Exception:
            logger.exception("%s could not look at a request before the shop", name)
    return None
