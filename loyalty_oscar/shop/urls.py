"""The customer's pages, namespace `loyalty`."""

app_name = "loyalty"
urlpatterns: list = []
