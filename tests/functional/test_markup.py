"""Words that people type are words, never markup: on our pages, in the admin, and in what Oscar prints as safe."""

from unittest.mock import patch

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import models
from django.forms import Select
from django.template import Context, Template
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model
from oscar.test.factories import ConditionalOfferFactory

from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.journeys.models import Case
from loyalty_oscar.program.models import JobRun, Program, Unit
from loyalty_oscar.program.operations import touch_version
from loyalty_oscar.shop.redemption.offer import all_offers
from loyalty_oscar.shop.tiers.conditions import keep_in_step, our_conditions
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers.models import Tier
from tests.everything import again, everything, lived_once, ours
from tests.points import use
from tests.storefront import a_basket, a_product, a_user, day

pytestmark = pytest.mark.django_db
MARK = "<i>&x</i>"
#: Columns of ours that no person types: codes, keys, states, and what a program writes.
NOT_TYPED = {
    *("actor", "audience", "barred_by", "batch", "choice", "color", "counter", "currency", "decided_by", "decision"),
    *("fingerprint", "kind", "key", "language", "metric", "mode", "origin", "question", "slot", "source", "state"),
    *("source_kind", "time_zone", "topic", "type", "window", "code", "about", "inbox_id", "mark", "user_id", "word"),
    "verdict",
}
#: Of Oscar's, what our pages show.
THEIRS = {
    "catalogue.Product": ["title"],
    "catalogue.ProductClass": ["name"],
    "order.Line": ["title"],
    "order.OrderDiscount": ["offer_name", "message"],
    "reviews.ProductReview": ["title", "body"],
    "sites.Site": ["name"],
}


def typed(model):
    """The columns of a model that hold words somebody typed."""
    for field in model._meta.local_fields:
        is_words = isinstance(field, models.CharField | models.TextField) and not isinstance(field, models.SlugField)
        if is_words and not field.choices and field.name not in NOT_TYPED:
            yield field


def mark_all():
    """Put markup into every word that anybody can type, and return which columns hold it now."""
    marked = []
    for model in ours():
        for field in [] if model is JobRun else typed(model):
            rows = model._base_manager.all()
            for row in rows.only("pk", field.name):
                most = field.max_length or 1000
                model._base_manager.filter(pk=row.pk).update(**{field.name: f"{MARK}{row.pk}"[:most]})
            marked += [f"{model.__name__}.{field.name}"] * rows.exists()
    for label, names in THEIRS.items():
        model = apps.get_model(label)
        for row in model._base_manager.all():
            model._base_manager.filter(pk=row.pk).update(**dict.fromkeys(names, f"{MARK}{row.pk}"))
    Unit.objects.update(names={"en": {"one": f"{MARK}p", "other": f"{MARK}ps"}})
    Tier.objects.update(names={"en": f"{MARK}t"})
    get_user_model().objects.update(first_name=MARK, last_name=MARK)
    for program in Program.objects.all():
        touch_version(program_id=program.pk)
    return marked


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker):
    """The shop in which Zoe went through everything, every word of it marked, with offers and vouchers for levels."""
    with lived_once(django_db_blocker):
        seen = everything(between=mark_all)
        seen.marked = mark_all()
        Sale.objects.update(ends_at=day(12, 31))
        keep_in_step()
        offer = ConditionalOfferFactory(name=f"{MARK}o", condition=our_conditions().first())
        seen.voucher = get_model("voucher", "Voucher").objects.create(
            name=f"{MARK}v", code="MARKED", start_datetime=day(1, 1), end_datetime=day(12, 31)
        )
        seen.voucher.offers.add(offer)
        seen.bone = a_product(f"{MARK}bone", "20.00")
        yield seen


@pytest.fixture
def shop(told, db):
    """The same shop for every test, which undoes what it does."""
    return again(told)


def raw(client, addresses):
    """What surrounds markup that stands on a page as it was typed, by address."""
    found = {}
    for address in addresses:
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, address
        before, mark, after = answer.content.decode().partition(MARK)
        if mark:
            found[address] = f"{before[-80:]}{mark}{after[:20]}"
    return found


def admin_pages():
    for model, site in admin.site._registry.items():
        if site.__module__.startswith("loyalty_oscar"):
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            yield reverse(f"{name}_changelist")
            for pk in model._base_manager.order_by("pk").values_list("pk", flat=True)[:3]:
                yield reverse(f"{name}_change", args=[pk])
                yield reverse(f"{name}_history", args=[pk])


def dashboard_pages(shop):
    for pk in get_model("offer", "ConditionalOffer").objects.values_list("pk", flat=True):
        for step in ("detail", "metadata", "condition", "benefit", "restrictions", "delete"):
            yield reverse(f"dashboard:offer-{step}", args=[pk])
    yield from map(reverse, ("dashboard:offer-list", "dashboard:voucher-list", "loyalty:dashboard"))
    yield reverse("dashboard:voucher-stats", args=[shop.voucher.pk])
    yield reverse("dashboard:user-detail", args=[shop.zoe.pk])
    yield reverse("loyalty:dashboard-goodwill", args=[shop.zoe.pk, shop.unit.pk])
    yield from (reverse("loyalty:dashboard-cases"), reverse("loyalty:dashboard-cases") + "?show=decided")
    for case in Case.objects.all():
        yield reverse("loyalty:dashboard-case", args=[case.pk])
    for order in get_model("order", "Order").objects.all():
        yield reverse("dashboard:order-detail", args=[order.number])


def own_pages(shop):
    names = ("email-list", "notifications-inbox", "notifications-archive", "order-list", "profile-delete")
    yield from (reverse(f"customer:{name}") for name in names)
    names = ("overview", "how-it-works", "sales", "invite", "address-sent")
    yield from (reverse(f"loyalty:{name}") for name in names)
    yield reverse("loyalty:sale", args=[shop.sale.code])
    yield reverse("loyalty:invitation", args=[shop.code])
    yield reverse("loyalty:word", args=["woof"])
    yield reverse("basket:summary")
    yield reverse("offer:list")
    for offer in get_model("offer", "ConditionalOffer").objects.exclude(pk__in=all_offers().values("pk")):
        yield offer.get_absolute_url()
    for product in get_model("catalogue", "Product").objects.all():
        yield product.get_absolute_url()
    for note in get_model("communication", "Notification").objects.filter(recipient=shop.zoe):
        yield reverse("customer:notifications-detail", args=[note.pk])
    for letter in get_model("communication", "Email").objects.filter(user=shop.zoe):
        yield reverse("customer:email-detail", args=[letter.pk])
    for order in get_model("order", "Order").objects.filter(user=shop.zoe):
        yield reverse("customer:order", args=[order.number])


class TestMarkupThatSomebodyTyped:
    @pytest.mark.filterwarnings("ignore:Pagination may yield")  # Oscar's own list of offers has no order.
    def test_stands_on_no_page_as_markup(self, shop):
        at = day(7, 3)
        use(shop.zoe, a_basket(shop.zoe, (shop.bone, 1)), 5, unit=shop.unit, at=at)
        staff, boss = Client(), a_user("boss@example.com")
        boss.is_staff = boss.is_superuser = True
        boss.save()
        staff.force_login(boss)
        shop.client.force_login(shop.zoe)
        with clock.at(at):
            assert raw(staff, [*admin_pages(), *dashboard_pages(shop)]) == {}
            assert raw(shop.client, own_pages(shop)) == {}
        assert len(shop.marked) > 15

    def test_is_taken_for_words_in_every_mail(self, shop):
        assert len(shop.letters) > 10
        for letter in shop.letters:
            assert [content for content, _type in letter.alternatives if MARK in content] == []
        marked = [letter for letter in shop.letters if MARK in letter.body]
        assert len({letter.subject for letter in marked}) > 5, "in plain text it is what was typed"
        inbox = get_model("communication", "Notification").objects.filter(recipient=shop.zoe)
        assert inbox.count() >= 3
        assert [row.subject for row in inbox if MARK in row.subject or MARK in row.body] == []


def classes_that_oscar_names():
    """Our proxies of Oscar's conditions and benefits."""
    parents = (get_model("offer", "Condition"), get_model("offer", "Benefit"))
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label.startswith("loyalty_") and model._meta.proxy and issubclass(model, parents)
    ]


class TestWhatOscarPrintsAsSafe:
    def test_is_said_by_some_classes_of_ours(self):
        assert len(classes_that_oscar_names()) >= 3

    @pytest.mark.parametrize("model", classes_that_oscar_names(), ids=lambda model: model.__name__)
    def test_is_escaped_in_each_and_once_only(self, model):
        row = model._meta.concrete_model(proxy_class=f"{model.__module__}.{model.__name__}", value=1)
        assert not row._meta.proxy, "Oscar loads the rows by its own class"
        with patch.object(model, "said", return_value=f"Level {MARK}"):
            for found in (row, row.proxy()):
                assert found.description == found.name == str(found) == "Level &lt;i&gt;&amp;x&lt;/i&gt;"
                assert Template("{{ one }}{{ one.name }}").render(Context({"one": found})) == 2 * found.name
                assert f">{found.name}</option>" in str(Select(choices=[(1, str(found))]).render("one", 1))
