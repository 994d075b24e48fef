"""Every mail that leaves: short and human sentences, a name and a foot, and buttons that lead to the very thing."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from loyalty_oscar.shop.notices.letters import SALT, page_of
from tests.everything import PASSWORD, everything

pytestmark = pytest.mark.django_db
#: What the books call things, and no shopper does.
INSIDE = re.compile(
    r"\b(lots?|entry|entries|holds?|pending|liabilit\w*|claw\w*|debts?|ledger|snapshot|qualif\w*|breakage|standing)\b",
    re.IGNORECASE,
)
MOST_WORDS = 25
LINK = re.compile(r"https?://[^\s\"'<>]+")


@pytest.fixture
def life():
    return everything()


def texts(letter):
    """Subject, text and HTML of a letter as somebody reads them, line by line."""
    html = re.sub(r"(?s)<head>.*</head>", "", letter.alternatives[0][0])
    html = re.sub(r"</(p|h1|h2|div|li|td|th|tr)>", "\n", html)
    return [letter.subject, letter.body, unescape(re.sub(r"<[^>]+>", "", html))]


def sentences(text):
    for line in LINK.sub("", text.replace("\xa0", " ")).splitlines():
        yield from filter(None, (part.strip() for part in re.split(r"(?<=[.!?:])\s+", line)))


class TestEveryMail:
    def test_reads_well_greets_and_says_why_it_comes(self, life):
        ours = [letter for letter in life.letters if "Auto-Submitted" in letter.extra_headers]
        assert len(ours) > 15
        said = {sentence for letter in ours for text in texts(letter) for sentence in sentences(text)}
        assert {one for one in said if len(one.split()) > MOST_WORDS} == set()
        assert {one for one in said if INSIDE.search(one)} == set()
        for letter in ours:
            html = letter.alternatives[0][0]
            assert "\n\n\n" not in letter.body
            assert letter.body.startswith("Hello Zoe,\n" if letter.to == [life.zoe.email] else "Hello,\n")
            assert "because you" in letter.body or "You asked for this" in letter.body
            assert "How it works, and the terms: http://example.com/" in letter.body
            assert "Paw Club" in html
            assert html.count("<h1") == 1
            assert "<style" not in html
            assert "<script" not in html
            assert "None" not in letter.body

    def test_leads_through_login_to_the_very_thing_of_this_shop(self, life):
        pages = set()
        for letter in life.letters:
            for link in LINK.findall(letter.body):
                assert urlsplit(link).netloc == "example.com"
            for link in filter(lambda link: "/go/" in link, LINK.findall(letter.body)):
                pages.add(page_of(signed=dict(parse_qsl(urlsplit(link).query))["to"]))
                address = link.removeprefix("http://example.com")
                away = Client().get(address)
                assert away.url.startswith(reverse("customer:login") + "?next=/")
        assert {page.split("/")[1] for page in pages} == {"loyalty", "accounts"}
        assert any(page.startswith("/accounts/orders/") for page in pages)
        assert f"/loyalty/sales/{life.sale.code}/" in pages
        assert reverse("loyalty:invite") in pages

    def test_brings_who_signs_in_there_to_it(self, life):
        page = f"/accounts/orders/{life.second.number}/"
        go = reverse("loyalty:go")
        signed = signing.Signer(salt=SALT).sign(page)
        client = Client()
        login = client.get(go, {"to": signed}).url
        data = {"login-username": life.zoe.email, "login-password": PASSWORD, "login_submit": "1"}
        data["login-redirect_url"] = dict(parse_qsl(urlsplit(login).query))["next"]
        assert client.post(login, data).url == page
        assert client.get(page).status_code == 200
        assert client.get(go, {"to": signed}).url == page


class TestALinkThatWeDidNotWrite:
    @pytest.mark.parametrize("page", ["//evil.example/", "https://evil.example/", "/\\evil.example", "evil", ""])
    def test_leads_nowhere_even_where_it_is_signed(self, page):
        assert page_of(signed=signing.Signer(salt=SALT).sign(page)) == ""

    def test_leads_to_the_account(self, client, django_user_model):
        client.force_login(django_user_model.objects.create_user(username="a", email="a@example.com"))
        for forged in ("/accounts/orders/1/", "/accounts/orders/1/:forged", ""):
            assert client.get(reverse("loyalty:go"), {"to": forged}).url == reverse("loyalty:overview")
