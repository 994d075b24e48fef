"""What the pages beside a member's own share: whom they are about, and what every page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse

from loyalty_oscar.program.models import Member

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Mixed = ModelAdmin[Any]
else:
    Mixed = object


class MemberPages(Mixed):
    """For what is mixed into the page of members."""

    def member_of(self, request: HttpRequest, object_id: str) -> Member:
        """Return a member whom somebody may look at. Raises `Http404`, or `PermissionDenied`."""
        member: Member | None = self.get_object(request, object_id)
        if member is None:
            raise Http404
        if not self.has_view_permission(request, member):
            raise PermissionDenied
        return member

    def page_of(self, request: HttpRequest, template: str, **more: Any) -> TemplateResponse:
        """Return a page with what every page of the admin needs."""
        context = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media, **more}
        return TemplateResponse(request, template, context)
