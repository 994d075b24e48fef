"""People at the desk: who may what, and a program to work on."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from tests.once import a_program


@pytest.fixture
def unit(db):
    return a_program()


@pytest.fixture
def staff(db):
    """Make a member of staff with these permissions (`app.codename`); returns the user and a signed-in client."""

    def make(*names, superuser=False):
        users = get_user_model().objects
        count = users.count()
        user = users.create_user(f"staff{count}", f"staff{count}@example.com", "x", is_staff=True)
        user.is_superuser = superuser
        user.save()
        for name in names:
            app, codename = name.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        client = Client()
        client.force_login(user)
        return user, client

    return make


@pytest.fixture
def root(staff):
    """A client of somebody who may everything."""
    return staff(superuser=True)[1]


@pytest.fixture
def customer(db):
    return get_user_model().objects.create_user("customer", "boris@example.com", "x")
