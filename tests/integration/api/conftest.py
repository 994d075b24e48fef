"""A club, two members with a token each and a basket, and clients that speak JSON."""

import json

import pytest
from django.core.cache import cache
from django.test import Client
from rest_framework.authtoken.models import Token

from loyalty_oscar.testing import clock
from tests.fixtures import usable_unit  # noqa: F401 - the program
from tests.points import a_member_with, give
from tests.storefront import TODAY, a_basket, a_product, a_user


class Api:
    """The API as one caller sees it: `put("basket/points", {"points": 500})`."""

    def __init__(self, *, token="", client=None, **headers):
        self.client = client or Client()
        self.headers = {**({"Authorization": f"Token {token}"} if token else {}), **headers}

    def call(self, method, path, data=None, *, raw=None, content_type="application/json", **headers):
        body = raw if raw is not None else b"" if data is None else json.dumps(data)
        kind = content_type if body else "application/octet-stream"
        return self.client.generic(
            method, f"/loyalty/api/{path}", body, content_type=kind, headers={**self.headers, **headers}
        )

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, data=None, **more):
        return self.call("POST", path, data, **more)

    def put(self, path, data=None, **more):
        return self.call("PUT", path, data, **more)

    def delete(self, path, **more):
        return self.call("DELETE", path, **more)


def api_of(user):
    """The API with the token of somebody."""
    return Api(token=Token.objects.get_or_create(user=user)[0].key)


@pytest.fixture(autouse=True)
def today():
    """It is noon on 6 May 2026, and nobody has called yet."""
    cache.clear()
    with clock.at(TODAY):
        yield


@pytest.fixture
def boris(unit):
    """A member with 700 paws and a basket of 49.80."""
    user = a_member_with(700, unit)
    user.basket = a_basket(user, (a_product(), 2))
    return user


@pytest.fixture
def ada(unit):
    """Another member, with 300 paws and a basket of 24.90."""
    user = a_user("ada@example.com")
    give(user, 300, unit)
    user.basket = a_basket(user, (a_product(), 1))
    return user


@pytest.fixture
def api(boris):
    return api_of(boris)


@pytest.fixture
def stranger():
    return Api()
