"""A program whose unit is money speaks of amounts and percent on every page and in every mail."""

import re
from html.parser import HTMLParser

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import RuleVersion
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.journeys.models import Case
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers.models import GivenTier
from tests.everything import everything
from tests.functional.test_every_address import keys_of, ours_only
from tests.storefront import TODAY

pytestmark = pytest.mark.django_db
#: What a member of cashback has is none of these.
POINTS = re.compile(r"\bpoints?\b|\bpaws?\b(?! club)", re.IGNORECASE)
#: An amount that is used takes itself off, and nothing else.
TWICE = re.compile(
    r"[Uu]sed? (€[\d.]+)\.? (?:Saves|That took) \1|(€[\d.]+) used:? [−-] ?\2|(€[\d.]+) = \3|Credit: \d+ % more"
)
#: Attributes that somebody reads or hears.
TOLD = ("aria-label", "aria-valuetext", "placeholder", "title", "alt", "data-loyalty-says", "data-loyalty-point")
#: Answers to machines, whose keys are the same everywhere.
FOR_MACHINES = ("loyalty:api", "loyalty:export", "loyalty:badge", "admin:loyalty_program_member_export", "admin:jsi18n")
CLUB = {"name": "Cat Club", "unit__is_money": True, "unit__names": {"en": {"title": "Credit"}}}


class Words(HTMLParser):
    """What somebody reads of a page, or hears."""

    def __init__(self, html):
        super().__init__()
        self.said, self.skipped = [], 0
        self.feed(html.replace("\xa0", " "))

    def handle_starttag(self, tag, attrs):
        self.skipped += tag in ("script", "style")
        self.said += [value for name, value in attrs if name in TOLD and value]

    def handle_endtag(self, tag):
        self.skipped -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.skipped and data.strip():
            self.said.append(data.strip())


def read(html):
    """What a page says, without what all programs share: a column of a file, and the name of the offer."""
    said = " ".join(" ".join(Words(html).said).split())
    said = said.replace("points money stars on a card, one for each piece", "")  # What a new program is to count.
    return said.replace("points (how much)", "").replace("Cart - Loyalty points", "")


@pytest.fixture
def life(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        found = everything(club=CLUB)
    forget_cache()
    return found


def wrong_of(said):
    """What speaks of points, with some words around it."""
    return {
        name: found
        for name, text in said.items()
        if (found := [text[max(0, at.start() - 40) : at.end() + 40] for at in POINTS.finditer(text)])
    }


def twice(said):
    """What says one amount twice: as what was used, and as what that took off."""
    return {name: found.group() for name, text in said.items() if (found := TWICE.search(text.replace("\u2060", "")))}


def addresses_of(life):
    """Every address of ours with a row that it is about, and Oscar's pages that we write on."""
    member = Member.objects.get(user=life.zoe)
    rows = {
        "user_id": life.zoe.pk, "unit_id": life.unit.pk, "entry_id": Entry.objects.first().pk, "member_id": member.pk,
        "given_id": GivenTier.objects.first().pk, "to": "paused", "word": "woof", "token": "abc", "batch_id": 1,
        "code": Sale.objects.first().code, "pk": get_model("catalogue", "Product").objects.first().pk, "kind": "x",
        "app_label": "loyalty_program", "url": "x", "content_type_id": 1, "object_id": member.pk, "merge_id": 1,
        "rule_id": RuleVersion.objects.first().rule_id, "version_id": RuleVersion.objects.first().pk, "event_id": 1,
        "number": life.second.number, "id": "1", "case_id": Case.objects.first().pk,
    }  # fmt: skip
    for name, parts in ours_only():
        if not name.startswith(FOR_MACHINES):
            yield name, reverse(name, kwargs=keys_of(name, parts, rows))
    bed = get_model("catalogue", "Product").objects.get(title="Bed")
    yield "product", bed.get_absolute_url()
    yield "shelf", reverse("catalogue:index")
    yield "basket", reverse("basket:summary")
    yield "orders", reverse("customer:order-list")
    for order in get_model("order", "Order").objects.filter(user=life.zoe):
        yield f"order {order.number}", reverse("customer:order", args=[order.number])
        yield f"dashboard: order {order.number}", reverse("dashboard:order-detail", kwargs={"number": order.number})
    yield "dashboard: user", reverse("dashboard:user-detail", args=[life.zoe.pk])


class TestEveryPage:
    def test_speaks_of_money(self, life):
        get_user_model().objects.create_superuser("root", "root@example.org", "x")
        root, said = Client(), {}
        root.force_login(get_user_model().objects.get(email="root@example.org"))
        with clock.at(TODAY):
            for name, address in addresses_of(life):
                client = root if name.startswith("admin:") or "dashboard" in name else life.client
                answer = client.get(address)
                if answer.status_code == 200:
                    said[name] = read(answer.content.decode())
        assert len(said) > 100
        assert wrong_of(said) == {}
        assert twice(said) == {}
        assert re.search(r"Why €[\d.]+\?", said["product"])
        assert "€110.55" in said["loyalty:overview"]
        assert "1 % back" in said["admin:loyalty_earning_rule_changelist"]


class TestEveryMail:
    def test_speaks_of_money(self, life):
        said = {
            f"{number}: {letter.subject}": f"{letter.subject} {letter.body} {read(html)}"
            for number, letter in enumerate(life.letters)
            for html in [letter.alternatives[0][0] if letter.alternatives else ""]
        }
        assert len(said) > 20
        assert wrong_of(said) == {}
        assert twice(said) == {}
        assert Program.objects.get().unit.is_money
