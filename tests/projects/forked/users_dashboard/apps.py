from django.urls import path
from oscar.apps.dashboard.users import apps


class UsersDashboardConfig(apps.UsersDashboardConfig):
    """Oscar's addresses of people take numbers only."""

    name = "tests.projects.forked.users_dashboard"

    def get_urls(self):
        by_uuid = [
            path("<uuid:pk>/", self.user_detail_view.as_view(), name="user-detail"),
            path("<uuid:pk>/password-reset/", self.password_reset_view.as_view(), name="user-password-reset"),
        ]
        return [*self.post_process_urls(by_uuid), *super().get_urls()]
