from django.urls import path

from .views import SaleProductView, SalesView, SaleView

urlpatterns = [
    path("sales/", SalesView.as_view(), name="sales"),
    path("sales/<slug:code>/", SaleView.as_view(), name="sale"),
    path("sales/<slug:code>/<int:pk>/", SaleProductView.as_view(), name="sale-product"),
]
