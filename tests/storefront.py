"""A small shop with a program and a member in a state worth seeing, for the tests of the customer's pages."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape

from django.contrib.auth import get_user_model
from django.db import transaction
from oscar.core.loading import get_class, get_model
from oscar.test import factories

from loyalty_oscar.earning.models import Rule
from loyalty_oscar.ledger.operations import mature_due
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import ProductSetFactory, ProgramFactory, RuleFactory
from tests.once import once
from tests.orders import come_back, deliver

TODAY = datetime(2026, 5, 6, 10, tzinfo=UTC)


def day(month, number, year=2026):
    """Noon of a day."""
    return datetime(year, month, number, 12, tzinfo=UTC)


@once
def a_club(**fields):
    """The Paw Club, live since January 2025: 1 paw for each euro, ready 14 days after delivery."""
    told = {"code": "club", "time_zone": "Europe/Berlin", "hold_days": 14, "live__at": day(1, 1, 2025), **fields}
    return ProgramFactory(**told).unit


@once
def a_club_without_rules():
    """The Paw Club, for tests that make each rule themselves."""
    unit = a_club()
    Rule.objects.all().delete()
    forget_cache()
    return unit


def a_user(email="boris@example.com"):
    return get_user_model().objects.create_user(username=email, email=email, password="a good one")


def a_product(title="Liver bites", price="24.90"):
    return factories.create_product(title=title, price=Decimal(price), num_in_stock=1000)


def priced(price, currency, title="Liver bites"):
    """A product that is sold in one currency."""
    product = a_product(title, price=price)
    product.stockrecords.update(price_currency=currency)
    return product


def variants(*prices):
    """A product with a variant at each price."""
    parent = factories.create_product(title="Rope toy", structure="parent")
    for price in prices:
        factories.create_product(title=f"Rope toy {price}", parent=parent, price=Decimal(price), num_in_stock=9)
    return parent


def fill(basket, *things):
    """Put things into a basket: pairs of a product and how many."""
    basket.strategy = get_class("partner.strategy", "Selector")().strategy(user=basket.owner)
    for product, quantity in things:
        basket.add_product(product, quantity)
    return basket


def a_basket(user, *things):
    return fill(get_model("basket", "Basket").objects.create(owner=user), *things)


def buy(user, *things, on, **fields):
    """An order placed through Oscar's own creator on a day, and looked at; `fields` are its own (`site`)."""
    with clock.at(on), transaction.atomic():
        order = factories.create_order(basket=a_basket(user, *things), user=user, date_placed=on, **fields)
    sync_orders(order_ids=[order.pk], at=on)
    return order


def arrive(order, *, on):
    """The order is delivered on a day."""
    with clock.at(on), transaction.atomic():
        deliver(order)
        order.status_changes.update(date_created=on)
    sync_orders(order_ids=[order.pk], at=on)
    return order


def send_back(order, quantity, *, on):
    """So many units of the first line come back on a day."""
    with clock.at(on), transaction.atomic():
        come_back(line=order.lines.first(), quantity=quantity)
    sync_orders(order_ids=[order.pk], at=on)


def ripen(*, on):
    """Make ready what is due on a day."""
    return list(mature_due(at=on))


@once
def boris():
    """A member with points ready, on the way with and without a date, and one return: a statement of three months."""
    user = a_user()
    bed = a_product("Orthopaedic bed for extra-large dogs, moss green, 110 × 80 cm", "128.20")
    bites, toy = a_product(), a_product("Captain Knot rope toy", "6.50")
    first = arrive(buy(user, (toy, 3), (bites, 1), on=day(2, 20)), on=day(2, 24))
    ripen(on=day(3, 11))
    send_back(first, 1, on=day(3, 16))
    arrive(buy(user, (bed, 1), (bites, 2), (toy, 1), on=day(4, 14)), on=day(4, 20))
    ripen(on=day(5, 5))
    arrive(buy(user, (bites, 1), on=day(4, 27)), on=day(4, 29))
    buy(user, (toy, 2), on=day(5, 5))
    return user


def dog_beds(unit, product):
    """Double paws on dog beds, and which product is one."""
    ProductSetFactory(code="dog-beds", products=[product])
    narrowed = [{"code": "product-set", "params": {"sets": ["dog-beds"]}}]
    told = {"program": unit.program, "code": "double", "name": "Double on dog beds", "at": day(1, 1)}
    RuleFactory(double=True, narrowed=narrowed, **told)


def first_order_bonus(unit):
    RuleFactory(program=unit.program, first_order=True, code="first", name="First order", at=day(1, 1))


def text_of(response):
    """The words of a page, without markup and with plain spaces."""
    plain = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(plain).replace("\xa0", " ").replace("\u2060", ""))


def numbers(response, what):
    """The values that a page carries for machines."""
    return [int(n) for n in re.findall(rf'data-loyalty="{what}" data-value="(-?\d+)"', response.content.decode())]
