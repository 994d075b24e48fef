"""Who gets in, as whom, how often, and what stays outside."""

import os
import subprocess
import sys
from unittest.mock import Mock

import pytest
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import run_checks
from django.test import Client, override_settings
from rest_framework.authtoken.models import Token

from loyalty_oscar.ledger.models import Account, Entry, Hold
from loyalty_oscar.testing.factories import LotFactory
from tests.integration.api.conftest import Api, api_of
from tests.integration.api.test_basket_points import HERE, books
from tests.points import use
from tests.storefront import a_user

pytestmark = pytest.mark.django_db
ADDRESSES = ["me", "entries", "rewards", "claims", HERE]
ERROR = {"code", "detail"}


class TestAStranger:
    @pytest.mark.parametrize("path", ADDRESSES)
    def test_is_asked_who_it_is(self, unit, stranger, path):
        response = stranger.get(path)
        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
        assert response.headers["WWW-Authenticate"] == "Token"

    @pytest.mark.parametrize("header", ["Token nobody", "Token", "Token a b", "Token \u00e4", "Token \x00"])
    def test_is_nobody_with_a_token_that_is_none(self, unit, header):
        response = Api(Authorization=header).get("me")
        assert (response.status_code, set(response.json())) == (401, ERROR)

    def test_sets_nothing_aside(self, boris, stranger):
        before = books()
        assert stranger.put(HERE, {"points": 5}).status_code == 401
        assert stranger.delete(HERE).status_code == 401
        assert books() == before

    def test_is_out_once_the_account_is_switched_off(self, api, boris):
        boris.is_active = False
        boris.save()
        assert api.get("me").status_code == 401


class TestA16WhatBelongsToOthers:
    def test_is_neither_seen_nor_touched(self, api, boris, ada, unit):
        use(ada, ada.basket, 300, unit=unit)
        api.put(HERE, {"points": 500})
        theirs = api_of(ada)
        assert (theirs.get("me").json()["ready"], api.get("me").json()["ready"]) == (0, 200)
        assert (theirs.get(HERE).json()["total"], api.get(HERE).json()["total"]) == ("21.90", "44.80")
        api.delete(HERE)
        assert theirs.get(HERE).json()["applied"] == 300
        assert Hold.objects.get(state="open").account.member.user == ada

    @pytest.mark.parametrize("name", ["user", "account", "member", "basket", "account_id", "format"])
    @pytest.mark.parametrize("path", ADDRESSES)
    def test_answers_like_what_does_not_exist_when_it_is_named(self, api, ada, path, name):
        theirs = {
            "user": ada.pk, "account": Account.objects.get(member__user=ada).pk, "basket": ada.basket.pk
        }  # fmt: skip
        first, second = (api.get(f"{path}?{name}={value}") for value in (theirs.get(name, ada.pk), 10**9))
        assert first.status_code == second.status_code == 400
        assert first.content == second.content

    def test_stays_closed_to_a_cookie_beside_a_token(self, api, ada, boris):
        client = Client()
        client.force_login(ada)
        both = Api(token=Token.objects.get(user=boris).key, client=client)
        assert both.get("me").json()["ready"] == 700
        assert both.put(HERE, {"points": 5}).json()["total"] == "49.75"

    def test_names_no_order_of_others_in_an_entry(self, api, boris, unit):
        from loyalty_oscar.kernel.because import Because
        from tests.storefront import TODAY, a_product, buy

        theirs = buy(a_user("eve@example.com"), (a_product(), 1), on=TODAY)
        told = {"points": 1, "source": "odd", "kind": "adjust", "because": Because("goodwill", order=theirs.pk)}
        LotFactory(account=Account.objects.get(member__user=boris), at=TODAY, for_ever=True, **told)
        assert api.get("entries").json()["entries"][0]["order"] is None


class TestA17WhatIsNotAsked:
    @pytest.mark.parametrize(
        "name", ["account_id", "user", "balance", "available", "status", "kind", "expires_at", "is_staff", "basket"]
    )
    def test_is_refused_and_changes_nothing(self, api, ada, name):
        before = books()
        response = api.put(HERE, {"points": 5, name: ada.pk})
        assert (response.status_code, response.json()["code"]) == (400, "invalid")
        assert books() == before


class TestA19AnotherSite:
    @pytest.fixture
    def browser(self, boris):
        """A browser in which Boris is signed in, as a page of another site would use it."""
        client = Client(enforce_csrf_checks=True)
        client.force_login(boris)
        return Api(client=client)

    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    def test_changes_nothing_without_the_token_of_the_form(self, browser, boris, unit, method):
        use(boris, boris.basket, 100, unit=unit)
        before = books()
        response = browser.call(method, HERE, {"points": 500} if method == "PUT" else None)
        assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
        assert books() == before

    def test_is_told_apart_from_the_shops_own_page(self, browser):
        browser.client.cookies["csrftoken"] = "a" * 32
        assert browser.put(HERE, {"points": 5}, **{"X-CSRFToken": "a" * 32}).status_code == 200

    def test_is_of_no_matter_to_a_token(self, boris):
        token = Token.objects.create(user=boris).key
        client = Client(enforce_csrf_checks=True)
        assert Api(token=token, client=client).put(HERE, {"points": 5}).status_code == 200

    @pytest.mark.parametrize("path", ADDRESSES)
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_may_read_and_nothing_moves(self, browser, boris, unit, path, method):
        use(boris, boris.basket, 100, unit=unit)
        before = books(), Entry.objects.count()
        assert browser.call(method, path).status_code == 200
        assert (books(), Entry.objects.count()) == before

    @pytest.mark.parametrize("method", ["POST", "PATCH", "OPTIONS", "TRACE"])
    def test_has_no_other_way_in(self, api, method):
        response = api.call(method, HERE, {"points": 5} if method in ("POST", "PATCH") else None)
        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
        assert not Hold.objects.exists()


class TestEveryAnswer:
    @pytest.mark.parametrize("path", [*ADDRESSES, "me?x=1"])
    def test_is_kept_by_nobody_on_the_way(self, api, stranger, path):
        for response in (api.get(path), stranger.get(path)):
            assert response.headers["Cache-Control"] == "private, no-store"
            assert {"Authorization", "Cookie", "Accept-Language"} <= set(response.headers["Vary"].split(", "))

    def test_is_json_whatever_is_asked_for(self, api):
        for accepted in ("text/html", "application/xml", "nonsense"):
            assert api.get("me", Accept=accepted).headers["Content-Type"] == "application/json"

    def test_speaks_of_an_error_in_the_language_of_the_request(self, api):
        response = api.put(HERE, {"points": 0}, **{"Accept-Language": "de"})
        assert response.headers["Content-Language"] == "de"


class TestManyRequests:
    @override_settings(LOYALTY_API_RATE="2/min")
    def test_are_too_many_at_some_point_for_that_customer_alone(self, api, ada):
        cache.clear()
        assert [api.get("me").status_code for _ in range(3)] == [200, 200, 429]
        refused = api.put(HERE, {"points": 5})
        assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
        assert int(refused.headers["Retry-After"]) > 0
        assert api_of(ada).get("me").status_code == 200
        assert not Hold.objects.exists()

    @override_settings(LOYALTY_API_RATE="2/min")
    def test_are_answered_where_the_cache_that_counts_them_is_away(self, api, monkeypatch):
        monkeypatch.setattr(LocMemCache, "get", Mock(side_effect=ConnectionError("the cache is away")))
        assert [api.get("me").status_code for _ in range(4)] == [200] * 4
        monkeypatch.undo()
        monkeypatch.setattr(LocMemCache, "set", Mock(side_effect=ConnectionError("the cache is away")))
        assert api.get("me").status_code == 200

    @override_settings(LOYALTY_API_RATE="")
    def test_are_never_too_many_where_the_shop_says_so(self, api):
        assert {api.get("me").status_code for _ in range(150)} == {200}

    @pytest.mark.parametrize(
        ("rate", "said"),
        [
            ("often", ["loyalty_api.E001"]),
            ("9/", ["loyalty_api.E001"]),
            ("9/x", ["loyalty_api.E001"]),
            ("9/h", []),
            ("", []),
        ],
    )
    def test_are_counted_at_a_rate_that_was_looked_at_when_the_shop_started(self, settings, rate, said):
        settings.LOYALTY_API_RATE = rate
        assert [found.id for found in run_checks(tags=["loyalty"])] == said


def shop(code, **without):
    """Run code in a shop of its own; returns what it prints."""
    run = f"import os, django; from tests import settings as s; {code}"
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "LOYALTY_TEST_DB": "sqlite", "PYTHONPATH": "."}
    done = subprocess.run([sys.executable, "-c", run], env=env, capture_output=True, text=True, check=True)
    return done.stdout.split()


class TestAnAddress:
    def test_exists_only_where_its_feature_is_installed(self):
        leave = "s.INSTALLED_APPS = [a for a in s.INSTALLED_APPS if a != 'loyalty_oscar.redemption']; django.setup()"
        names = shop(f"{leave}; from loyalty_oscar.api.urls import urlpatterns as u; print(*(p.name for p in u))")
        assert sorted(names) == ["api-campaigns", "api-consents", "api-entries", "api-me", "api-schema"]

    def test_is_of_no_cost_where_the_api_is_not_listed(self):
        gone = "('loyalty_oscar.api', 'rest_framework', 'rest_framework.authtoken', 'drf_spectacular', 'oscarapi')"
        leave = f"s.INSTALLED_APPS = [a for a in s.INSTALLED_APPS if a not in {gone}]; django.setup()"
        found = shop(
            f"{leave}; import sys; from loyalty_oscar.urls import urlpatterns as u;"
            "print('rest_framework' in sys.modules, any('api' in str(p.pattern) for p in u))"
        )
        assert found == ["False", "False"]

    def test_asks_for_a_session_where_tokens_are_not_installed(self):
        leave = "s.INSTALLED_APPS.remove('rest_framework.authtoken'); django.setup()"
        look = "from loyalty_oscar.api.views import MemberView as v; print(*v.authentication_classes)"
        assert shop(f"{leave}; {look}") == ["<class", "'rest_framework.authentication.SessionAuthentication'>"]
