from django.urls import path

from .remind import RemindView
from .views import SaleProductView, SalesView, SaleView

urlpatterns = [
    path("sales/", SalesView.as_view(), name="sales"),
    path("sales/<slug:code>/", SaleView.as_view(), name="sale"),
    path("sales/<slug:code>/remind/", RemindView.as_view(), name="sale-remind"),
    path("sales/<slug:code>/<int:pk>/", SaleProductView.as_view(), name="sale-product"),
]
