"""Finding members in lists of the admin: by name, e-mail, public id, and what features know them by."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import pgettext_lazy

from .hooks import member_finders
from .naming import columns


class FindsMembers:
    """For lists of what members have: `member_paths` lead from a row to its member ("" is the member itself)."""

    member_paths: tuple[str, ...] = ("member",)
    search_help_text: Any = pgettext_lazy(
        "loyalty", "Name, e-mail address, order number, code for friends, or public id"
    )

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        people = [f"{_at(path)}user__{name}" for path in self.member_paths for name in columns()]
        return (*people, *(f"={_at(path)}public_id" for path in self.member_paths))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        known = [pk for found in member_finders.answers(text=term) for pk in found] if term else []
        if known:
            wanted = Q()
            for path in self.member_paths:
                wanted |= Q(**{f"{_at(path)}pk__in": known})
            return queryset.filter(wanted), False
        return super().get_search_results(request, queryset, search_term)  # type: ignore[misc]  # Of ModelAdmin.


class FindsMembersOrKeys(FindsMembers):
    """For records that have a key too ("order:42"): what has a colon is the beginning of one."""

    key_path = "key"
    search_help_text: Any = pgettext_lazy(
        "loyalty", "Name, e-mail address, order number or public id of the member; or how the key begins: order:42"
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if ":" in search_term:
            return queryset.filter(**{f"{self.key_path}__startswith": search_term.strip()}), False
        return super().get_search_results(request, queryset, search_term)


def _at(path: str) -> str:
    return f"{path}__" if path else ""
