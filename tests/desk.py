"""People at the desk, for tests of what they may see and do."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client


def staff(*codenames):
    """A signed-in client of somebody of staff with these permissions of programs, or with all there are."""
    users = get_user_model().objects
    user = users.create_user(f"staff{users.count()}", "s@example.com", "x", is_staff=True, is_superuser=not codenames)
    for codename in codenames:
        user.user_permissions.add(Permission.objects.get(content_type__app_label="loyalty_program", codename=codename))
    client = Client()
    client.force_login(user)
    return client
