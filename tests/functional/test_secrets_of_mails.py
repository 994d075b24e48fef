"""What only the owner of a mailbox may know stands in the mail alone: in no table, and on no page of the account."""

import re
from pathlib import Path
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.urls import resolve, reverse
from oscar.core.loading import get_class, get_model

import loyalty_oscar
from loyalty_oscar.journeys.questions import questions
from loyalty_oscar.shop.notices.letters import page_of
from loyalty_oscar.testing import clock
from tests.everything import again, cells, everything, lived_once
from tests.storefront import day

pytestmark = pytest.mark.django_db
MAILS = Path(loyalty_oscar.__file__).parent / "shop" / "templates" / "oscar" / "communication" / "emails"
LINK = re.compile(r"""https?://[^\s"'<>]+""")
#: A voucher, or another code to type: capitals with digits among them.
CODE = re.compile(r"\b(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9-]{6,}\b")
COLOR = re.compile(r"#[0-9A-Fa-f]{6}\b")


def text_of(letter):
    return "\n".join([letter.subject, letter.body, *(content for content, _type in letter.alternatives)])


def secrets_in(letter, *, public=()):
    """What a letter holds that nobody could know without it: parts of addresses that are not public, and codes."""
    # What leads on is signed and no secret: where it leads is looked at.
    found = set(CODE.findall(COLOR.sub("", LINK.sub("", text_of(letter)))))
    for link in LINK.findall(text_of(letter)):
        address = urlsplit(link.replace("&amp;", "&"))
        if resolve(address.path).url_name == "go":
            address = urlsplit(page_of(signed=dict(parse_qsl(address.query))["to"]))
        found |= {str(value) for value in resolve(address.path).kwargs.values()}
        found |= {value for _name, value in parse_qsl(address.query)}
    return found - set(public)


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker):
    """Zoe after everything, and the codes of all mails that were written meanwhile."""
    kinds, written = get_model("communication", "CommunicationEventType"), set()
    render = type(kinds.objects).get_and_render

    def noted(self, code, context):
        written.add(code)
        return render(self, code, context)

    with lived_once(django_db_blocker):
        with patch.object(type(kinds.objects), "get_and_render", noted):
            seen = everything.__wrapped__()  # Lived anew: what happens meanwhile is looked at.
        seen.written = written
        numbers = get_model("order", "Order").objects.values_list("number", flat=True)
        seen.public = {*questions.get("problem").choices, seen.sale.code, *numbers}
        yield seen


@pytest.fixture
def life(told, db):
    """The same life for every test, which undoes what it does."""
    return again(told)


def pages_of(client, user):
    """What somebody reads on the pages of the account, ours and Oscar's."""
    addresses = [reverse(f"customer:{name}") for name in ("email-list", "notifications-inbox", "order-list", "summary")]
    addresses += [reverse("loyalty:overview"), reverse("loyalty:export"), reverse("loyalty:address-sent")]
    mails = get_model("communication", "Email").objects.filter(user=user).values_list("pk", flat=True)
    addresses += [reverse("customer:email-detail", args=[pk]) for pk in mails]
    for address in addresses:
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, address
        yield address, answer.content.decode()


class TestTheSecretsOfAllMails:
    def test_stand_nowhere_but_in_the_mails(self, life):
        ours = {path.name.removeprefix("commtype_").removesuffix("_subject.txt") for path in MAILS.glob("*_subject*")}
        assert {code.lower() for code in life.written} >= ours, "a mail that nobody here gets is not looked at"
        found = {secret for letter in life.letters for secret in secrets_in(letter, public=life.public)}
        assert len(life.letter_links) > 1, "one link stops letters, and one answers"
        tokens = {resolve(link).kwargs["token"] for link in (life.link, life.letters_link, *life.letter_links)}
        assert found == tokens
        kept = [*cells(apps.get_models()), *(("session", str(s.get_decoded())) for s in Session.objects.all())]
        with clock.at(day(7, 2)):
            kept += pages_of(life.client, life.zoe)
        assert len(kept) > 500
        assert {where for where, text in kept if any(token in text for token in tokens)} == set()

    def test_would_be_found_where_oscar_keeps_a_mail_for_the_account(self, life):
        dispatcher = get_class("communication.utils", "Dispatcher")()
        context = {"first_name": "Zoe", "link": f"http://example.com{life.link}", "shop_name": "Pets & Co."}
        dispatcher.dispatch_user_messages(life.zoe, dispatcher.get_messages("LOYALTY_CONFIRM_ADDRESS", context))
        token = resolve(life.link).kwargs["token"]
        assert "communication.Email.body_text" in {where for where, text in cells(apps.get_models()) if token in text}
        with clock.at(day(7, 2)):
            assert any(token in text for _address, text in pages_of(life.client, life.zoe))
