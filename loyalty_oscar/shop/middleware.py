"""The one middleware: each request gets `request.loyalty`, which asks nothing until somebody asks it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model, logout
from django.db import DatabaseError
from django.http import HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.decorators import sync_and_async_middleware
from django.utils.translation import pgettext

from loyalty_oscar.program.hooks import Hook

from .orders.product_sets import InUse
from .pricing.gate import set_gates
from .storefront.offer_hooks import LookAgain, NotPlaced
from .storefront.request_hooks import (
    ResponseHook,
    checkout_guards,
    page_contexts,
    page_guards,
    response_hooks,
    view_frames,
)
from .storefront.visit import Visit

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
            set_visit(request)
            response = await get_response(request)
            if list(left := left_to_do(request)):
                await sync_to_async(left.tell)("act", request=request, response=response)
            return response

        async def process_view(request: Any, *view: Any) -> Any:
            asked, frame = to_be_asked(request), frame_of(request, view[0])
            answer = await sync_to_async(answered_by)(asked, request) if asked else None
            return answer or (await sync_to_async(framed)(frame, request, *view) if frame else None)

    else:

        def middleware(request: Any) -> Any:
            set_visit(request)
            response = get_response(request)
            left_to_do(request).tell("act", request=request, response=response)
            return response

        def process_view(request: Any, *view: Any) -> Any:
            answer, frame = answered_by(to_be_asked(request), request), frame_of(request, view[0])
            return answer or (framed(frame, request, *view) if frame else None)

    middleware.process_view = process_view
    middleware.process_template_response = Changing().response
    middleware.process_exception = led_back
    return middleware


class Changing:
    """Lets features change what a page is rendered with. Django names the class of who answers, so it is a method."""

    def response(self, request: Any, response: Any) -> Any:
        """Return the response, changed on pages that somebody changes: almost none."""
        page = request.resolver_match.view_name if request.resolver_match else ""
        if response.context_data:
            wanted = page_contexts.only(lambda one: page in one.pages)
            wanted.tell(request=request, context=response.context_data)
        return response


def led_back(request: Any, exception: Exception) -> Any:
    """
    Lead back customers whose total changed or whose profile was deleted in another tab, and staff who would save or
    delete what a feature does not let happen; say why. Nothing was saved.
    """
    if isinstance(exception, LookAgain):
        messages.warning(request, exception.args[0], fail_silently=True)
        return HttpResponseRedirect(exception.url)
    if request.method in SAFE:
        return None
    if isinstance(exception, DatabaseError) and is_gone(request):
        logout(request)
        text = pgettext("loyalty", "Nothing was ordered or saved: your profile was deleted meanwhile.")
        messages.error(request, text, fail_silently=True)
        return HttpResponseRedirect(resolve_url(settings.OSCAR_HOMEPAGE))
    match = request.resolver_match
    if isinstance(exception, InUse):
        text = exception.args[0]
    elif isinstance(exception, NotPlaced) and match and BACK_OFFICE & {*match.app_names, *match.namespaces}:
        text = pgettext("loyalty", "Nothing was saved. %(why)s") % {"why": exception}
    else:
        return None
    messages.error(request, text, fail_silently=True)
    return HttpResponseRedirect(request.get_full_path())


def is_gone(request: Any) -> bool:
    """Return whether somebody who was signed in is there no more."""
    user = request.user
    return user.is_authenticated and not get_user_model()._default_manager.filter(pk=user.pk).exists()


def frame_of(request: Any, view: Any) -> Callable[..., Any] | None:
    """Return what a feature needs around a view for this request, or None: for almost all."""
    if request.method in SAFE or iscoroutinefunction(view):
        return None
    page = request.resolver_match.view_name
    return view_frames.only(lambda frame: page in frame.pages).first()


def framed(frame: Callable[..., Any], request: Any, view: Any, args: Any, kwargs: Any) -> Any:
    """Return the view's answer, called within its frame."""
    return frame(request=request, view=partial(view, request, *args, **kwargs))


def set_visit(request: Any) -> None:
    """Put on a request what the house knows of it."""
    request.loyalty = Visit(request)
    if hasattr(request, "strategy"):
        set_gates(strategy=request.strategy, visit=request.loyalty)


def left_to_do(request: Any) -> Hook[ResponseHook]:
    """Return who has something left to do when a page is ready: nobody, for almost everybody."""
    return response_hooks.only(lambda hook: hook.is_due(request=request))


def sends_at_checkout(request: Any) -> bool:
    """Return whether this request wants to change something at checkout."""
    return request.method not in SAFE and "checkout" in request.resolver_match.namespaces


def to_be_asked(request: Any) -> list[Hook[Any]]:
    """Return who looks at this request before the shop answers it: nobody, on almost every page."""
    page = request.resolver_match.view_name
    asked: list[Hook[Any]] = [page_guards.only(lambda guard: page in guard.pages)]
    asked += [checkout_guards] if sends_at_checkout(request) else []
    return [hook for hook in asked if list(hook)]


def answered_by(asked: list[Hook[Any]], request: Any) -> Any:
    """Return what somebody answers in the shop's place, or None."""
    return next((answer for hook in asked for answer in hook.answers(request=request) if answer), None)
