"""Every address of ours, opened with nonsense behind the question mark; and every constraint, with words of its own."""

import os
from collections import defaultdict
from contextlib import suppress
from typing import ClassVar

import pytest
from django.contrib.auth.models import Permission
from django.core.handlers import wsgi
from django.db import models
from django.http import QueryDict
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import RuleVersion
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.journeys.cases import open_case
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program.admin import ReadOnly
from loyalty_oscar.program.models import Member
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.referrals.operations import bind, code_of
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers.models import GivenTier
from tests.everything import ours
from tests.functional.test_every_field import writes
from tests.integration.admin.conftest import staff  # noqa: F401
from tests.integration.admin.test_saved_unchanged import our_admins, shop  # noqa: F401
from tests.integration.tiers.ladders import hand
from tests.points import give
from tests.silly import INPUTS
from tests.storefront import TODAY, a_product, a_user, buy, day

pytestmark = pytest.mark.django_db
#: What pages of ours and of Django's admin read of an address.
READ = (
    *("q", "o", "p", "e", "all", "_popup", "_to_field", "_changelist_filters", "type", "program", "back", "kind"),
    *("from", "to", "by", "next", "until", "month", "return-1", "ready", "points", "ordered", "level", "in_force"),
    *("program__id__exact", "is_on__exact", "pk__in", "id__gt", "member__user__password", "decision__exact"),
    *("show", "page", "choice", "said"),
)
#: Inputs for each of them in a modest run.
EACH = int(os.environ.get("LOYALTY_SILLY", "1"))


def patterns(resolver=None, namespace=""):
    """Every address with a name, and what stands in it."""
    for one in (resolver or get_resolver()).url_patterns:
        if not isinstance(one, URLPattern):
            yield from patterns(one, namespace + (f"{one.namespace}:" if one.namespace else ""))
        elif one.name:
            yield namespace + one.name, list(one.pattern.converters)


def ours_only():
    """The addresses of customers' pages, of the dashboard's, and of our admins."""
    labels = {site.opts.app_label for site in our_admins()}
    for name, parts in patterns():
        if name.startswith("loyalty:") or (name.startswith("admin:") and any(label in name for label in labels)):
            yield name, parts


@pytest.fixture
def rows(shop):  # noqa: F811
    """Somebody about whom every page has something to say; returns what stands in addresses, by name."""
    boris = Member.objects.get(user__email="boris@example.com")
    give(boris.user, 1000, shop)
    buy(boris.user, (a_product("Ball", "20.00"), 1), on=day(5, 1))
    friend = a_user("friend@example.com")
    bind(code=code_of(member=boris).code, program_id=shop.program_id, user_id=friend.pk, at=day(5, 2))
    told = {"kind": "problem", "source": "answer:1", "order_id": None, "at": day(5, 2)}
    case, _is_new = open_case(member=Member.objects.get(user=friend), **told)
    gift = hand(shop.program.ladder, boris.user, 2, until=None, at=day(5, 2))
    return {
        "user_id": friend.pk, "unit_id": shop.pk, "entry_id": Entry.objects.first().pk, "member_id": boris.pk,
        "given_id": gift.pk if gift else GivenTier.objects.first().pk, "to": "paused", "word": "woof", "token": "abc",
        "code": Sale.objects.first().code, "pk": get_model("catalogue", "Product").objects.first().pk,
        "app_label": "loyalty_program", "url": "x", "content_type_id": 1, "object_id": boris.pk,
        "rule_id": RuleVersion.objects.first().rule_id, "version_id": RuleVersion.objects.first().pk,
        "batch_id": 1, "merge_id": 1, "event_id": 1, "number": "1", "kind": "shipping", "id": "1",
        "case_id": case.pk,
    }  # fmt: skip


def keys_of(name, parts, rows):
    """What stands in an address: of a row's own page, a row of that model."""
    told = {part: rows[part] for part in parts}
    site = next((site for site in our_admins() if f"{site.opts.app_label}_{site.opts.model_name}_" in name), None)
    if site and "object_id" in parts:
        row = site.model._base_manager.order_by("pk").first()
        told["object_id"] = row.pk if row else 1
    return told


class Watched(QueryDict):
    """What stands behind the question mark; it notes what a page asks of it."""

    WHOLE = "*"
    asked: ClassVar[set[str]] = set()

    def __getitem__(self, key):
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key):
        self.asked.add(key)
        return super().__contains__(key)

    def getlist(self, key, default=None):
        self.asked.add(key)
        return super().getlist(key, default)


def _whole(name):
    def ask(self, *args, **kwargs):
        self.asked.add(self.WHOLE)
        return getattr(super(Watched, self), name)(*args, **kwargs)

    return ask


WHOLE = "__iter__", "__len__", "__copy__", "__deepcopy__", "keys", "items", "values", "lists", "dict", "urlencode"
for _name in WHOLE:
    setattr(Watched, _name, _whole(_name))


def read_by(client, address, usual):
    """
    What a page asks of its address, or all that pages do ask where it looks at the whole of it.

    It cannot be broken by what it never asks for; of that it gets one, for those who look at the text.
    """
    Watched.asked.clear()
    with pytest.MonkeyPatch.context() as patch, clock.at(TODAY):
        patch.setattr(wsgi, "QueryDict", Watched)
        assert client.get(address).status_code < 500
    asked = {*Watched.asked}
    if Watched.WHOLE in asked:
        return [*usual, *sorted(asked - {*usual, Watched.WHOLE})]
    return [*sorted(asked), *[what for what in usual if what not in asked][:1]]


class TestEveryAddress:
    def test_stands_with_nonsense_behind_it(self, rows, staff):  # noqa: F811
        boss, boris = staff(superuser=True)[1], Client()
        boris.force_login(Member.objects.get(pk=rows["member_id"]).user)
        values, place, broken = list(INPUTS.values()), 0, defaultdict(list)
        for name, parts in ours_only():
            address = reverse(name, kwargs=keys_of(name, parts, rows))
            client = boss if name.startswith("admin:") or "dashboard" in name else boris
            for what in read_by(client, address, READ if client is boss else READ[10:20]):
                for _one in range(EACH):
                    place += 1
                    value = values[place % len(values)]
                    with clock.at(TODAY):
                        try:
                            status = client.get(address, {what: "" if value is None else value}).status_code
                        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault.
                            status = f"{type(error).__name__}: {str(error)[:120]}"
                    if not isinstance(status, int) or status >= 500:
                        broken[f"{name}?{what}: {status}"].append(str(value)[:40])
        assert not broken, "\n" + "\n".join(f"{said} <- {values}" for said, values in broken.items())

    @pytest.mark.parametrize(
        ("page", "asked"),
        [
            (lambda query: query.get("q"), {"q"}),
            (lambda query: "o" in query, {"o"}),
            (lambda query: query.getlist("p"), {"p"}),
            (lambda query: {**query}, {Watched.WHOLE}),
            (lambda query: dict(query.items()), {Watched.WHOLE}),
            (lambda query: query.copy(), {Watched.WHOLE}),
            (lambda query: bool(query), {Watched.WHOLE}),
            (lambda query: query.urlencode(), {Watched.WHOLE}),
        ],
    )
    def test_is_seen_to_be_read(self, page, asked):
        query = Watched("a=1")
        Watched.asked.clear()
        with suppress(KeyError):
            page(query)
        assert asked <= Watched.asked

    def test_is_one_of_many(self):
        assert len(list(ours_only())) > 100


class TestEveryAddressOfStaff:
    """Their pages are shut to who has no right of ours; who may only look changes nothing by any of them."""

    @pytest.mark.parametrize("rights", ["none", "view"])
    def test_changes_nothing_for_who_may_not(self, rows, staff, rights):  # noqa: F811
        user, client = staff()
        if rights == "view":
            held = Permission.objects.filter(content_type__app_label__startswith="loyalty_")
            user.user_permissions.set(held.filter(codename__startswith="view_"))
        seen, wrong = set(), []
        for name, parts in ours_only():
            if not (name.startswith("admin:") or "dashboard" in name):
                continue
            address = reverse(name, kwargs=keys_of(name, parts, rows))
            with clock.at(TODAY):
                looked = client.get(address).status_code
                with writes() as written:
                    sent = client.post(address, {"reason": "Because", "post": "yes", "points": "5"}).status_code
            seen.add(looked)
            if written or max(looked, sent) >= 500 or (rights == "none" and 200 in (looked, sent)):
                wrong.append((name, looked, sent, written))
        assert wrong == []
        assert (200 in seen) == (rights == "view")


class TestEveryConstraint:
    """Of what stands in a form: no other constraint is ever met there."""

    def typed(self):
        for site in our_admins():
            for page in (site, *site.inlines):
                is_read_only = issubclass(page if isinstance(page, type) else type(page), ReadOnly)
                yield from ((page.model, one) for one in page.model._meta.constraints if not is_read_only)

    def test_has_words_of_its_own(self):
        found = list(self.typed())
        assert len(found) > 20
        usual = models.BaseConstraint.default_violation_error_message
        assert [one.name for _model, one in found if one.violation_error_message == usual] == []

    def test_of_another_table_stands_in_no_form(self):
        assert {Account, Entry, Referral}.isdisjoint({model for model, _one in self.typed()})
        assert all(model in ours() for model, _one in self.typed())
