"""A shop without pages of ours: django-oscar-api beside our own API."""

from django.urls import include, path

from tests.urls import urlpatterns as shop

urlpatterns = [path("api/", include("oscarapi.urls")), *shop]
