"""The description of the API, and that the API keeps to it whatever is sent."""

import json
from io import StringIO

import pytest
import schemathesis
import yaml
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from rest_framework.authtoken.models import Token

from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.testing.factories import RewardFactory

pytestmark = pytest.mark.django_db
PATHS = [
    "/loyalty/api/basket/claims",
    "/loyalty/api/basket/claims/{id}",
    "/loyalty/api/basket/points",
    "/loyalty/api/claims",
    "/loyalty/api/claims/{id}/ask",
    "/loyalty/api/claims/{id}/code",
    "/loyalty/api/consents",
    "/loyalty/api/entries",
    "/loyalty/api/me",
    "/loyalty/api/rewards",
    "/loyalty/api/rewards/{code}/claims",
]
WELL = {("put", 200), ("put", 400), ("put", 409), ("delete", 200), ("post", 200), ("post", 400), ("post", 404)}
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


class TestTheSchema:
    def test_passes_its_own_command_without_a_warning(self):
        out = StringIO()
        call_command("spectacular", validate=True, fail_on_warn=True, stdout=out)
        assert sorted(yaml.safe_load(out.getvalue())["paths"]) == PATHS

    def test_is_served_with_our_addresses_alone(self, client):
        response = client.get("/loyalty/api/schema/")
        assert sorted(response.json()["paths"]) == PATHS
        assert response.json()["info"]["title"] == "loyalty_oscar"

    @override_settings(ROOT_URLCONF="tests.functional.headless_urls")
    def test_stands_whatever_version_is_asked_for(self, client):
        response = client.get("/loyalty/api/schema/", {"version": "2\r\nSet-Cookie: a=b"})
        assert response.status_code == 200
        assert "Set-Cookie" not in response["Content-Disposition"]

    def test_leaves_out_what_else_the_store_serves(self, client):
        assert sorted(client.get("/loyalty/api/schema/").json()["paths"]) == PATHS

    def test_tells_each_error_with_an_example(self, client):
        told = client.get("/loyalty/api/schema/").json()["paths"]
        for path, methods in told.items():
            for method, operation in methods.items():
                answers = operation["responses"]
                assert {"200", "400", "401", "404", "429"} <= set(answers), (path, method)
                assert all(answer["content"]["application/json"]["examples"] for answer in answers.values())
        of_body = {"403", "409", "413", "415"}
        for path, method in (
            ("basket/points", "put"),
            ("basket/claims/{id}", "put"),
            ("consents", "put"),
            ("claims/{id}/ask", "post"),
            ("rewards/{code}/claims", "post"),
        ):
            assert set(told[f"/loyalty/api/{path}"][method]["responses"]) >= of_body, path
        for path, method in (("basket/claims/{id}", "delete"), ("claims/{id}/code", "post")):
            assert set(told[f"/loyalty/api/{path}"][method]["responses"]) >= {"403", "409"}, path


@pytest.fixture
def description(client):
    """What the shop serves as its schema."""
    return client.get("/loyalty/api/schema/").json()


@pytest.mark.django_db(transaction=True)
class TestWhateverIsSent:
    @pytest.fixture(params=["stranger", "member", "other"])
    def headers(self, request, boris, ada):
        """Each role in its turn."""
        user = {"member": boris, "other": ada}.get(request.param)
        return {"Authorization": f"Token {Token.objects.create(user=user).key}"} if user else {}

    @override_settings(LOYALTY_API_RATE="")
    def test_is_answered_as_the_schema_says_and_the_books_stay_sound(self, description, headers):
        schema = schemathesis.openapi.from_dict(json.loads(json.dumps(description)))
        schema.app = get_wsgi_application()
        RewardFactory(code="spa-day", price=1)
        others = list(Account.objects.order_by("pk").values())
        seen = set()
        for operation in (found.ok() for found in schema.get_all_operations()):
            for mode in MODES if operation.body or operation.query else MODES[:1]:
                seen |= send_many(operation, mode, headers)
        assert seen >= (WELL if headers else {("put", 401), ("post", 401)})
        assert [step.wrong for step in audit()] == [[]]
        if not headers:
            assert list(Account.objects.order_by("pk").values()) == others
            assert Entry.objects.count() == len(others)


def send_many(operation, mode, headers):
    """Send so many cases of one kind: each answer is one that the schema knows, and never a 5xx. Returns which came."""
    seen = set()

    @settings(max_examples=30, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case):
        if mode == MODES[0] and "code" in case.path_parameters:
            case.path_parameters["code"] = "spa-day"
        seen.add((operation.method, case.call_and_validate(headers=headers).status_code))

    send()
    return seen
