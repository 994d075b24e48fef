"""The addresses of the API, part of the namespace `loyalty`."""

from django.urls import path

from . import account  # noqa: F401 - registers its addresses
from .routes import routes
from .schema import SchemaView

urlpatterns = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    *(path(where, view.as_view(), name=f"api-{where.replace('/', '-')}") for where, view in routes.items()),
]
