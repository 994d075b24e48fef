from django.urls import path

from .answers import AnswerView
from .case_views import CasesView, CaseView, OpenAgainView
from .views import BirthdayView, UseWordView, WordView

urlpatterns = [
    path("word/", UseWordView.as_view(), name="use-word"),
    path("word/<str:word>/", WordView.as_view(), name="word"),
    path("birthday/", BirthdayView.as_view(), name="birthday"),
    path("answer/<str:token>/", AnswerView.as_view(), name="answer"),
    path("dashboard/cases/", CasesView.as_view(), name="dashboard-cases"),
    path("dashboard/cases/<int:case_id>/", CaseView.as_view(), name="dashboard-case"),
    path("dashboard/cases/<int:case_id>/open-again/", OpenAgainView.as_view(), name="dashboard-case-open"),
]
