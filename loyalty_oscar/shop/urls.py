"""The customer's pages, namespace `loyalty`."""

from django.apps import apps
from django.urls import include, path

from .dashboard.urls import urlpatterns as dashboard
from .front.views import DashboardView
from .notices.views import GoView, StopView
from .self_service.urls import urlpatterns as people
from .storefront.views.account import AccountView
from .storefront.views.mails import MailsView
from .storefront.views.pages import BadgeView, CloseWelcomeView, HowItWorksView, JoinView
from .storefront.views.statement import StatementView

app_name = "loyalty"
#: Features that have pages of their own.
WITH_PAGES = ("redemption", "tiers", "referrals", "exclusives", "journeys")
urlpatterns = [
    path("", AccountView.as_view(), name="overview"),
    path("statement/", StatementView.as_view(), name="statement"),
    path("how-it-works/", HowItWorksView.as_view(), name="how-it-works"),
    path("join/", JoinView.as_view(), name="join"),
    path("welcome/", CloseWelcomeView.as_view(), name="close-welcome"),
    path("badge/", BadgeView.as_view(), name="badge"),
    path("go/", GoView.as_view(), name="go"),
    path("stop/<str:token>/", StopView.as_view(), name="stop"),
    path("mails/", MailsView.as_view(), name="mails"),
    *(
        path("", include(f"loyalty_oscar.shop.{feature}.urls"))
        for feature in WITH_PAGES
        if apps.is_installed(f"loyalty_oscar.{feature}")
    ),
    *people,
    path("dashboard/", DashboardView.as_view(), name="dashboard"),
    *dashboard,
]
