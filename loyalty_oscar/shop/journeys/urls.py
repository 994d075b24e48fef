from django.urls import path

from .views import BirthdayView, UseWordView, WordView

urlpatterns = [
    path("word/", UseWordView.as_view(), name="use-word"),
    path("word/<str:word>/", WordView.as_view(), name="word"),
    path("birthday/", BirthdayView.as_view(), name="birthday"),
]
