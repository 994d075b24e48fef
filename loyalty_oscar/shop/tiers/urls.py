"""The page of this room, below the customer's own."""

from django.urls import path

from .views import LevelsView

urlpatterns = [path("levels/", LevelsView.as_view(), name="levels")]
