"""Pages of staff speak a shop keeper's words: no word of the books, no code, no column named by a programmer."""

import re
from html.parser import HTMLParser
from unittest.mock import patch

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Field
from django.test import Client
from django.urls import reverse
from django.utils.functional import Promise

from loyalty_oscar.insights.models import Book
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.admin import ReadOnly
from loyalty_oscar.program.events import topics
from loyalty_oscar.program.models import Delivery, JobRun
from loyalty_oscar.redemption.models import Redemption, UseTerms
from loyalty_oscar.referrals.models import Referral, Scheme
from loyalty_oscar.shop.front.checklist import Tick
from loyalty_oscar.testing import a_program, clock
from loyalty_oscar.testing.factories import LadderFactory, SchemeFactory, UseTermsFactory
from loyalty_oscar.tiers.models import Ladder
from tests.everything import everything
from tests.integration.admin.test_saved_unchanged import name_of, our_admins
from tests.storefront import TODAY

pytestmark = pytest.mark.django_db
#: What stands on no page (plan of the experience); codes and rows as a database prints them.
JARGON = re.compile(
    r"\b(?:pk|seq|slots?|lots?|entr(?:y|ies)|sweeps?|snapshots?|standings?|dirty|fingerprint|payload|cursor|topic|consumer"
    r"|segments?|occurrences?|buckets?|captured?|foreign key|json|order id|net after)\b"
    r"|\{['\"]|LOYALTY_|`|(?-i:\bNone\b)|\w\(s\)",
    re.IGNORECASE,
)
#: Where a key of a record stands, for who looks for it: under the word “reference”.
KEYS = re.compile(r"\b[a-z]+(?:-[a-z]+)*:[\w:.-]+")


class Words(HTMLParser):
    """What a page says in its content: text, without scripts, and no link to another page's list."""

    def __init__(self, html):
        super().__init__()
        self.said, self.skipped = [], 0
        self.feed(html.partition('<div id="content"')[2].partition('<footer id="footer"')[0])

    def handle_starttag(self, tag, attrs):
        self.skipped += tag in ("script", "style")

    def handle_endtag(self, tag):
        self.skipped -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.skipped and data.strip():
            self.said.append(data.strip())


def words_of(client, address):
    """What a page says, without keys of records and what a mail server answered."""
    response = client.get(address)
    assert response.status_code == 200, address
    said = " ".join(Words(response.content.decode().replace("\xa0", " ")).said)
    for error in Delivery.objects.exclude(error="").values_list("error", flat=True).distinct():
        said = said.replace(error, "")
    return KEYS.sub("", said)


@pytest.fixture
def root():
    get_user_model().objects.create_superuser("root", "root@example.org", "x")
    client = Client()
    client.force_login(get_user_model().objects.get(email="root@example.org"))
    return client


def labels_of(site):
    """The fields of the model whose own labels a page shows: (name, label)."""
    shown = {*site.list_display, *(site.fields or ())}
    for field in site.model._meta.get_fields():
        named = isinstance(field, Field) and not hasattr(type(site), field.name)
        if named and field.name in shown:
            yield f"{site.model._meta.label}.{field.name}", field.verbose_name


class TestAColumn:
    def test_is_named_in_words(self):
        found = dict(one for site in our_admins() for one in labels_of(site))
        assert len(found) > 40
        assert [name for name, label in found.items() if not isinstance(label, Promise)] == []

    def test_of_records_is_chosen(self):
        """A page of records that names no fields shows all of them, whatever they are called."""
        records = [site for site in our_admins() if isinstance(site, ReadOnly) and site.model is not Book]
        assert len(records) > 8
        assert [name_of(site) for site in records if not site.fields] == []


class TestATopic:
    def test_has_a_title_for_staff(self):
        assert [code for code, topic in topics.items() if not topic.title] == []
        assert len(dict(topics.items())) > 10


class TestEveryPageOfTheAdmin:
    def test_speaks_a_shop_keepers_words(self, root, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            everything()
        said = {}
        with clock.at(TODAY):
            for site in our_admins():
                row = site.model._base_manager.order_by("pk").last()
                said[f"{name_of(site)}_changelist"] = words_of(root, reverse(f"{name_of(site)}_changelist"))
                if row and site.model is not Book:
                    said[f"{name_of(site)}_change"] = words_of(root, reverse(f"{name_of(site)}_change", args=[row.pk]))
            # Whoever calls a job calls it by its name.
            last = JobRun.objects.order_by("pk").last()
            name = "admin:loyalty_program_jobrun_change"
            said[name] = said[name].replace(last.name, "")
            said["front"] = words_of(root, reverse("admin:app_list", args=["loyalty_program"]))
        assert len(said) > 40
        found = {
            name: [text[max(0, at.start() - 30) : at.end() + 30] for at in JARGON.finditer(text)]
            for name, text in said.items()
        }
        assert {name: words for name, words in found.items() if words} == {}

        for model in (Account, Redemption, Referral):
            assert "@" in str(model.objects.order_by("pk").last()), "the title of its page names a person"
        account = Account.objects.order_by("pk").last()
        Account.objects.filter(pk=account.pk).update(lifetime_earned=1234567)
        told = words_of(root, reverse("admin:loyalty_ledger_account_change", args=[account.pk]))
        assert "1,234,567" in told, "numbers as people write them"


class TestWhatAProgramHasOnce:
    @pytest.mark.parametrize("model", [Scheme, UseTerms, Ladder])
    def test_is_added_once(self, root, model):
        unit = a_program()
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert root.get(reverse(f"{name}_add")).status_code == 200
        model.objects.filter(program=unit.program).delete()
        row = {Scheme: SchemeFactory, UseTerms: UseTermsFactory, Ladder: LadderFactory}[model](program=unit.program)
        assert root.get(reverse(f"{name}_add")).status_code == 403
        html = root.get(reverse(f"{name}_change", args=[row.pk])).content.decode()
        assert 'name="_save"' in html
        assert 'name="_addanother"' not in html


class TestTheFrontPage:
    def test_offers_to_make_what_is_missing_only_while_something_is(self, root):
        a_program()
        front = reverse("admin:app_list", args=["loyalty_program"])
        assert "Make what is missing" in words_of(root, front)
        with patch("loyalty_oscar.shop.front.page.checklist_of", return_value=[Tick(text="All", done=True)]):
            assert "Make what is missing" not in words_of(root, front)
