from django.urls import path

from .rewards.staff import GiveRewardView
from .rewards.views import ClaimRewardView, OwnClaimView, RewardsView, TakeOutView
from .views import UsePointsView

urlpatterns = [
    path("points/", UsePointsView.as_view(), name="use-points"),
    path("rewards/", RewardsView.as_view(), name="rewards"),
    path("rewards/<slug:code>/claim/", ClaimRewardView.as_view(), name="claim-reward"),
    path("dashboard/reward/<str:user_id>/<int:unit_id>/", GiveRewardView.as_view(), name="dashboard-reward"),
    path("rewards/mine/<int:pk>/use/", OwnClaimView.as_view(), name="use-reward"),
    path("rewards/mine/<int:pk>/take-out/", TakeOutView.as_view(), name="take-out-reward"),
]
