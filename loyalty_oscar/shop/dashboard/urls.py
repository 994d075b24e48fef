"""Addresses of the staff's pages, below the customer's; `shop.urls` includes them."""

from django.urls import path

from .views import GoodwillView

urlpatterns = [
    path("dashboard/goodwill/<str:user_id>/<int:unit_id>/", GoodwillView.as_view(), name="dashboard-goodwill"),
]
