"""The pages of this room, below the customer's own."""

from django.urls import path

from . import consent_pages, views

urlpatterns = [
    path("keep/", views.KeepView.as_view(), name="keep"),
    path("address/", views.ConfirmAddressView.as_view(), name="confirm-address"),
    path("address/sent/", views.AddressSentView.as_view(), name="address-sent"),
    path("address/<str:token>/", views.AddressView.as_view(), name="address"),
    path("consent/", consent_pages.ChooseConsentView.as_view(), name="choose-consent"),
    path("consent/<str:token>/", consent_pages.ConfirmConsentView.as_view(), name="consent"),
    path("export/", views.ExportView.as_view(), name="export"),
]
