"""
The products that staff pick in a form of ours, found by a part of their name or their UPC.

Django's own search asks for the right to see products in the admin, which who writes rules need not have, and answers
nothing without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe
from oscar.core.loading import get_model

from loyalty_oscar.program.hooks import program_pages

NAME, AT_ONCE, LONGEST = "loyalty_program_program_find_products", 20, 100
#: Whoever has one of these can type into a form that picks products.
RIGHTS = tuple(
    f"{app}.{right}_{model}"
    for app, model in (("loyalty_earning", "rule"), ("loyalty_program", "reward"))
    for right in ("add", "change")
)


def may_find(user: Any) -> bool:
    """Return whether somebody of staff may look for products."""
    return any(user.has_perm(right) for right in RIGHTS)


@program_pages.register("find-products")
def pages(*, admin_site: AdminSite) -> Iterator[URLPattern]:
    """Add the address that Django's widget asks."""
    yield path("find-products/", admin_site.admin_view(find_products), name=NAME)


@require_safe
def find_products(request: HttpRequest) -> JsonResponse:
    """Answer as Django's own search for a field does: 20 at a time, by name. Two queries."""
    if not may_find(request.user):
        raise PermissionDenied
    words = request.GET.get("term", "").replace("\x00", "")[:LONGEST].split()
    rows = get_model("catalogue", "Product").objects.select_related("parent").order_by("title", "pk")
    for word in words:
        # A variant has the name of what it is a variant of.
        rows = rows.filter(Q(title__icontains=word) | Q(parent__title__icontains=word) | Q(upc__icontains=word))
    page = Paginator(rows, AT_ONCE).get_page(request.GET.get("page"))
    found = [{"id": str(product.pk), "text": str(product)} for product in page]
    return JsonResponse({"results": found, "pagination": {"more": page.has_next()}})
