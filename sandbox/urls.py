"""Addresses of the demo shop: Oscar's, ours under `/loyalty/`, the admin, languages and uploaded pictures."""

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.static import serve

urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("loyalty/", include("loyalty_oscar.urls")),
    # Django serves pictures itself only while DEBUG is on; the demo shop has no other server in front of it.
    re_path(r"^media/(?P<path>.*)$", serve, {"document_root": settings.MEDIA_ROOT}),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
