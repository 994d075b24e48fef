from django.apps import apps
from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import include, path

shop = [
    path("admin/", admin.site.urls),
    path("", include(apps.get_app_config("oscar").urls[0])),
]

if settings.LOYALTY:
    shop = [path("loyalty/", include("loyalty_oscar.urls")), *shop]

urlpatterns = [path("i18n/", include("django.conf.urls.i18n")), *i18n_patterns(*shop)]
