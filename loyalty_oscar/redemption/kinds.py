"""The kinds of rewards that need no basket: what staff do for a member, and a partner's code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program.registries import reward_kinds

SERVICE, CODE = "service", "code"


def is_by_staff(*, kind: str) -> bool:
    """Return whether staff do their part of rewards of a kind; of one whose app has left nobody does."""
    return kind in reward_kinds and reward_kinds.get(kind).is_given_by_staff


class ServiceKind:
    """Something that staff do: a seat at an event, a grooming, a donation. `ask` is what the member is asked for it."""

    label = pgettext_lazy("loyalty", "A service, given by your staff")
    is_given_by_staff = True

    def fields(self) -> Mapping[str, Any]:
        return {
            "ask": forms.CharField(
                label=pgettext_lazy("loyalty", "What you ask the member"),
                help_text=pgettext_lazy(
                    "loyalty",
                    "Such as “Which day suits you?”; the answer stands in your queue. Empty: nothing is asked.",
                ),
                max_length=150,
                required=False,
            )
        }

    def says(self, *, params: Mapping[str, Any]) -> str:
        if not params.get("ask"):
            return ""
        return pgettext("loyalty", "Members are asked: “%(question)s”") % {"question": params["ask"]}


class CodeKind:
    """A code of a partner's, from a list that staff upload. `where` says where it can be used."""

    label = pgettext_lazy("loyalty", "A partner’s code, from a list")
    is_given_by_staff = False

    def fields(self) -> Mapping[str, Any]:
        return {
            "where": forms.CharField(
                label=pgettext_lazy("loyalty", "Where the code can be used"),
                help_text=pgettext_lazy("loyalty", "Members read it beside their code."),
                max_length=150,
                required=False,
            )
        }

    def says(self, *, params: Mapping[str, Any]) -> str:
        return str(params.get("where", ""))


reward_kinds.register(SERVICE)(ServiceKind())
reward_kinds.register(CODE)(CodeKind())
