"""What a store includes: `path("loyalty/", include("loyalty_oscar.urls"))`, inside `i18n_patterns` if it uses them."""

from django.apps import apps
from django.urls import include, path

from loyalty_oscar.shop.urls import app_name
from loyalty_oscar.shop.urls import urlpatterns as pages

__all__ = ["app_name", "urlpatterns"]

urlpatterns = [*pages]
if apps.is_installed("loyalty_oscar.api"):
    urlpatterns.append(path("api/", include("loyalty_oscar.api.urls")))
