from django.urls import path

from .views import UsePointsView

urlpatterns = [path("points/", UsePointsView.as_view(), name="use-points")]
