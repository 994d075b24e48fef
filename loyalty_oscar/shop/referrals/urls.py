from django.urls import path

from .views import InvitationView, InviteView, UseCodeView

urlpatterns = [
    path("invite/", InviteView.as_view(), name="invite"),
    path("invite/code/", UseCodeView.as_view(), name="use-invite"),
    path("invite/<str:code>/", InvitationView.as_view(), name="invitation"),
]
