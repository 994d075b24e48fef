"""What a store includes: `path("loyalty/", include("loyalty_oscar.urls"))`, inside `i18n_patterns` if it uses them."""

from loyalty_oscar.shop.urls import app_name, urlpatterns

__all__ = ["app_name", "urlpatterns"]
