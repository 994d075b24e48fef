"""The front page of loyalty in Oscar's dashboard."""

from __future__ import annotations

from typing import Any

from django.views.generic import TemplateView

from loyalty_oscar.program import clock

from ..dashboard.views import StaffView
from .page import front_of


class DashboardView(StaffView, TemplateView):
    """The front page of loyalty; the same stands in Django's admin."""

    template_name = "loyalty/dashboard/overview.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, front=front_of(request=self.request, at=clock.now()))
