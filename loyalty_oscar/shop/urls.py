"""The customer's pages, namespace `loyalty`."""

from django.apps import apps
from django.urls import include, path

from .dashboard.urls import urlpatterns as dashboard
from .people.urls import urlpatterns as people
from .views.account import OverviewView
from .views.pages import BadgeView, HowItWorksView, JoinView

app_name = "loyalty"
urlpatterns = [
    path("", OverviewView.as_view(), name="overview"),
    path("how-it-works/", HowItWorksView.as_view(), name="how-it-works"),
    path("join/", JoinView.as_view(), name="join"),
    path("badge/", BadgeView.as_view(), name="badge"),
    *(
        [path("", include("loyalty_oscar.shop.redemption.urls"))]
        if apps.is_installed("loyalty_oscar.redemption")
        else ()
    ),
    *people,
    *dashboard,
]
