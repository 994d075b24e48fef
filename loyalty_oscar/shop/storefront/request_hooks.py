"""What may step in before a page answers, around its view, and when it is ready; the middleware asks."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol

from django.http import Http404
from django.http.response import HttpResponseBase

from loyalty_oscar.program.hooks import RAISE, SKIP, Hook


class CheckoutGuard(Protocol):
    """Looks at what is sent at checkout before the shop does; the first answer counts."""

    def __call__(self, *, request: Any) -> HttpResponseBase | None:
        """Answer in the shop's place, or return None."""
        ...


class PageGuard(Protocol):
    """Is asked before one of its pages (`catalogue:detail`) answers; the first answer counts."""

    pages: Collection[str]

    def __call__(self, *, request: Any) -> HttpResponseBase | None:
        """Answer in the shop's place, raise Http404, or return None."""
        ...


class ViewFrame(Protocol):
    """Stands around the view of one of its pages when something is sent to it, such as a transaction with locks."""

    pages: Collection[str]

    def __call__(self, *, request: Any, view: Callable[[], HttpResponseBase]) -> HttpResponseBase:
        """Answer by calling the view inside of what it needs around it."""
        ...


class ResponseHook(Protocol):
    """May have something left to do when a page is ready."""

    def is_due(self, *, request: Any) -> bool:
        """Return whether it has, and ask nothing for it: every page of the shop asks."""
        ...

    def act(self, *, request: Any, response: Any) -> None:
        """Do it."""
        ...


class PageContext(Protocol):
    """Changes what one of its pages (`offer:list`) is about to be rendered with."""

    pages: Collection[str]

    def __call__(self, *, request: Any, context: dict[str, Any]) -> None:
        """Change it in place, before the page asks the database for what stands in it."""
        ...


#: A fault of ours never stops a checkout.
checkout_guards: Hook[CheckoutGuard] = Hook("checkout_guards", CheckoutGuard, on_error=SKIP, but=(Http404,))
page_guards: Hook[PageGuard] = Hook("page_guards", PageGuard, on_error=SKIP, but=(Http404,))
page_contexts: Hook[PageContext] = Hook("page_contexts", PageContext, on_error=SKIP)
#: What the view raises is the shop's own.
view_frames: Hook[ViewFrame] = Hook("view_frames", ViewFrame, on_error=RAISE)
#: A fault of ours never takes the page away.
response_hooks: Hook[ResponseHook] = Hook("response_hooks", ResponseHook, on_error=SKIP)
