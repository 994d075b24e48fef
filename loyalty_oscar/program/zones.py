"""
Moments in the admin are typed and shown in the time zone of the program they belong to, which stands beside them.

The shop's own TIME_ZONE may be another: what reads "1 June, 00:00" here is what members read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import pgettext

from .models import Program
from .words import zone_name

#: Moments lie within these years: before and after, their way into another zone may lead out of the calendar.
FIRST_YEAR, LAST_YEAR = 1900, 9998
#: Where a request keeps the name of the zone that its page is in.
ZONE = "loyalty_zone_name"

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Mixed = ModelAdmin[Any]
else:
    Mixed = object


class InProgramZone(Mixed):
    """
    An admin whose pages are in the time zone of a program, and its inlines' too.

    `program_of` names the program of a row, `chosen` the one that a form for a new row is about.
    """

    def program_of(self, obj: Any) -> Program | None:
        """Return the program of a row."""
        return obj.program

    def chosen(self, request: HttpRequest) -> Program | None:
        """Return the program that was chosen for a new row, or None."""
        return picked(Program.objects.all(), "program", request)

    def zone_of(self, request: HttpRequest, obj: Any) -> tuple[str, str]:
        """Return the zone of a page and what it is called; of several for a new row, that of the program chosen."""
        program = self.program_of(obj) if obj is not None else self.chosen(request)
        if program is not None:
            return program.time_zone, zone_name(zone=program.time_zone)
        zones = zones_of_programs()
        if len(zones) == 1:
            return zones[0], zone_name(zone=zones[0])
        return settings.TIME_ZONE, pgettext("loyalty", "time of the program")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        obj = self.get_object(request, object_id) if object_id else None
        with in_zone(request, *self.zone_of(request, obj)):
            return finished(super().changeform_view(request, object_id, form_url, extra_context))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show rows of all programs in their zone where they share one; else as the shop shows moments."""
        moments = {field.name for field in self.model._meta.fields if isinstance(field, models.DateTimeField)}
        zones = zones_of_programs() if moments.intersection(self.get_list_display(request)) else []
        if len(zones) != 1:
            return super().changelist_view(request, extra_context)
        with in_zone(request, zones[0], zone_name(zone=zones[0])):
            return finished(super().changelist_view(request, extra_context))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return named(super().formfield_for_dbfield(db_field, request, **typed_as(db_field, kwargs)), db_field, request)


class NamesZone(Mixed):
    """An inline on a page of `InProgramZone`: the zone stands beside its moments, too."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return named(super().formfield_for_dbfield(db_field, request, **typed_as(db_field, kwargs)), db_field, request)


class MomentField(forms.SplitDateTimeField):
    """A day and a time of day. Those at either end of the calendar, which no other zone has, are refused."""

    def compress(self, data_list: Any) -> Any:
        return _meant(super().compress(data_list))


class DayField(forms.DateField):
    """A day. Those at either end of the calendar, before or after which there are no more months, are refused."""

    def to_python(self, value: Any) -> Any:
        return _meant(super().to_python(value))


def _meant(found: Any) -> Any:
    if found is not None and not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise forms.ValidationError(pgettext("loyalty", "Nobody means that year. Look at it again."))
    return found


def typed_as(db_field: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a form's field, of a moment with our field for it."""
    return {"form_class": MomentField, **options} if isinstance(db_field, models.DateTimeField) else options


def picked(rows: Any, field: str, request: HttpRequest) -> Any:
    """Return the row whose key a form or a link names in a field, or None."""
    key = request.POST.get(field) or request.GET.get(field) or ""
    return rows.filter(pk=key).first() if key.isascii() and key.isdigit() and len(key) < 19 else None


@cache
def known_zones() -> frozenset[str]:
    """Return the names of all time zones; looking for them walks through hundreds of files."""
    return frozenset(available_timezones())


def zones_of_programs() -> list[str]:
    """Return the time zones that programs have."""
    return list(Program.objects.order_by("time_zone").values_list("time_zone", flat=True).distinct())


@contextmanager
def in_zone(request: HttpRequest, zone: str, name: str) -> Iterator[None]:
    """Read and show moments in a zone for the time of a block, and remember its name for fields made meanwhile."""
    setattr(request, ZONE, name)
    with timezone.override(ZoneInfo(zone if zone in known_zones() else "UTC")):
        yield


def finished(response: Any) -> Any:
    """Return a response with its text in the zone of now: later it would be written in another."""
    return response.render() if hasattr(response, "render") and not response.is_rendered else response


def named(field: Any, db_field: Any, request: HttpRequest) -> Any:
    """Return a field; that of a moment with the zone in its label."""
    name = getattr(request, ZONE, "")
    if field is not None and name and isinstance(db_field, models.DateTimeField):
        text = pgettext("loyalty", "%(label)s (%(zone)s)")
        field.label = text % {"label": field.label, "zone": name}
    return field
