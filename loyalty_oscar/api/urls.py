"""The addresses of the API, part of the namespace `loyalty`."""

from django.urls import path

from . import account, consents  # noqa: F401 - they register their addresses
from .routes import name_of, routes
from .schema import SchemaView

urlpatterns = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    *(path(where, view.as_view(), name=name_of(path=where)) for where, view in routes.items()),
]
