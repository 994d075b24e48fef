"""What the references of records are about, in words and with a link: "order:42:earn" is about order 100042."""

from __future__ import annotations

from typing import Protocol

from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import pgettext

from loyalty_oscar.kernel.registry import Registry

from .forms import is_key


class Referent(Protocol):
    """Says what references of one kind are about."""

    def __call__(self, *, key: str) -> tuple[str, str] | None:
        """Return what it is called and its page ("" without one), by the key behind the kind; None where it is gone."""
        ...


#: The first part of a reference -> what it is about.
referents: Registry[Referent] = Registry("kind of reference", Referent)


def row_of(model: type[Model]) -> Referent:
    """Return the referent of rows that have a page in the admin: "campaign:3" is the campaign with this key."""

    def told(*, key: str) -> tuple[str, str] | None:
        row = model._default_manager.filter(pk=key).first() if is_key(key) else None
        return (named(row), page_of(row)) if row else None

    return told


def named(row: Model) -> str:
    """Return a row with what it is: "Campaign: A review"."""
    text = pgettext("loyalty", "%(kind)s: %(name)s")
    return text % {"kind": capfirst(str(row._meta.verbose_name)), "name": row}


def page_of(row: Model) -> str:
    """Return the page of a row in the admin, or nothing where there is none."""
    try:
        return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return ""


def link_of(row: Model) -> str | SafeString:
    """Return a row with what it is, linked to its page where it has one."""
    url = page_of(row)
    return format_html('<a href="{}">{}</a>', url, named(row)) if url else named(row)


def about(*, reference: str) -> tuple[str, str] | None:
    """Return what a reference is about and its page; None where nobody knows."""
    kind, _colon, rest = reference.partition(":")
    return referents.get(kind)(key=rest.partition(":")[0]) if kind in referents else None


def linked(*, reference: str) -> SafeString:
    """Return what a reference is about, linked, and beside it in small the reference itself, which is searched by."""
    text, url = about(reference=reference) or ("", "")
    told = format_html('<a href="{}">{}</a>', url, text) if url else text
    return format_html("{} <small><code>{}</code></small>", told, reference)
