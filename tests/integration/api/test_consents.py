"""Letters and personal content through the API: the same choices as on the page."""

import re
from datetime import datetime

import pytest
from django.core import mail
from django.test import Client

from loyalty_oscar.people.models import Consent
from loyalty_oscar.program.models import Segment
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.testing.factories import CampaignFactory
from tests.storefront import TODAY

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def purposes(unit):
    CampaignFactory(program=unit.program).texts.create(language="en", subject="Hello", body="Hello.")
    Segment.objects.create(program=unit.program, code="cats", name="Cats", kind=Segment.Kind.RULE)
    forget_cache()


def told(response):
    return {row["purpose"]: row for row in response.json()["consents"]}


def allow(api, purpose):
    return api.put(
        "consents", {"purpose": purpose, "allowed": True, "words": told(api.get("consents"))[purpose]["words"]}
    )


class TestAMember:
    def test_reads_the_words_to_allow_each_in(self, api):
        found = told(api.get("consents"))
        assert {name: (row["state"], row["since"]) for name, row in found.items()} == {
            "letters": ("unasked", None), "personal": ("unasked", None),
        }  # fmt: skip
        assert all(row["words"].startswith("Yes, ") for row in found.values())
        german = told(api.get("consents", **{"Accept-Language": "de"}))
        assert set(german) == set(found)

    def test_is_asked_by_a_mail_for_letters(self, api):
        found = told(allow(api, "letters"))["letters"]
        assert (found["state"], datetime.fromisoformat(found["since"])) == ("asked", TODAY)
        Client().post(re.search(r"/loyalty/consent/[^/\s]+/", mail.outbox[-1].body)[0])
        assert told(api.get("consents"))["letters"]["state"] == "allowed"

    def test_allows_personal_content_at_once_and_takes_it_back(self, api):
        assert told(allow(api, "personal"))["personal"]["state"] == "allowed"
        refused = api.put("consents", {"purpose": "personal", "allowed": False})
        assert told(refused)["personal"]["state"] == "refused"

    def test_agrees_to_no_other_words_than_those_of_now(self, api):
        for words in ({}, {"words": "Yes."}):
            answer = api.put("consents", {"purpose": "personal", "allowed": True, **words})
            assert (answer.status_code, answer.json()["code"]) == (409, "other_words")
        assert not Consent.objects.exists()

    def test_is_sent_three_mails_a_day(self, api):
        assert [allow(api, "letters").status_code for _time in range(4)] == [200, 200, 200, 409]
        assert len(mail.outbox) == 3

    @pytest.mark.parametrize(
        "sent",
        [
            {}, [], "letters", {"purpose": "letters"}, {"allowed": True}, {"purpose": "all", "allowed": True},
            {"purpose": "letters", "allowed": "yes"}, {"purpose": "letters", "allowed": 1},
            {"purpose": "letters", "allowed": False, "user": 1}, {"purpose": "letters", "allowed": True, "words": 5},
            {"purpose": "letters", "allowed": True, "words": "x" * 1001},
        ],
    )  # fmt: skip
    def test_is_never_guessed(self, api, sent):
        answer = api.put("consents", sent)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert not Consent.objects.exists() and mail.outbox == []


class TestAStranger:
    def test_reads_and_allows_nothing(self, stranger):
        assert stranger.get("consents").status_code == 401
        assert stranger.put("consents", {"purpose": "personal", "allowed": True}).status_code == 401
        assert not Consent.objects.exists()
