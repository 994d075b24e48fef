"""Addresses of the staff's pages, below the customer's; `shop.urls` includes them."""

from django.urls import path

from .views import GoodwillView, UndoView, UnreturnView

urlpatterns = [
    path("dashboard/goodwill/<str:user_id>/<int:unit_id>/", GoodwillView.as_view(), name="dashboard-goodwill"),
    path("dashboard/undo/<int:entry_id>/", UndoView.as_view(), name="dashboard-undo"),
    path(
        "dashboard/return/<str:number>/<str:kind>/<int:event_id>/",
        UnreturnView.as_view(),
        name="dashboard-unreturn",
    ),
]
