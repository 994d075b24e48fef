from django.urls import path

from .rewards.views import ClaimRewardView, OwnClaimView, RewardsView
from .views import UsePointsView

urlpatterns = [
    path("points/", UsePointsView.as_view(), name="use-points"),
    path("rewards/", RewardsView.as_view(), name="rewards"),
    path("rewards/<slug:code>/claim/", ClaimRewardView.as_view(), name="claim-reward"),
    path("rewards/mine/<int:pk>/use/", OwnClaimView.as_view(), name="use-reward"),
]
