"""What people do in any Oscar shop, through Oscar's own doors: nothing here knows about points."""

from decimal import Decimal

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.test import Client
from oscar.core.loading import get_class, get_model


def a_person(email: str, **fields):
    """A new user of the shop's own model, who can't sign in with a password."""
    User = get_user_model()
    if User.USERNAME_FIELD == "username":
        fields["username"] = email
    person = User(email=email, **fields)
    person.set_unusable_password()
    person.save()
    return person


def person(email: str):
    return get_user_model().objects.get(email=email)


def client_of(email: str) -> Client:
    """A browser in which the person is signed in."""
    client = Client()
    client.force_login(person(email), backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def a_product(title: str, *, price: str, category):
    """A product of which there are a thousand, in a category."""
    kinds, _ = get_model("catalogue", "ProductClass").objects.get_or_create(name="Things")
    partner, _ = get_model("partner", "Partner").objects.get_or_create(name="Warehouse")
    product = kinds.products.create(title=title)
    product.stockrecords.create(partner=partner, partner_sku=title, price=Decimal(price), num_in_stock=1000)
    get_model("catalogue", "ProductCategory").objects.create(product=product, category=category)
    return product


def product(title: str):
    return get_model("catalogue", "Product").objects.get(title=title)


def a_basket(user, things: dict[str, int]):
    """An open basket with so many of each product, by title."""
    basket = get_model("basket", "Basket").objects.create(owner=user)
    basket.strategy = get_class("partner.strategy", "Selector")().strategy(user=user)
    for title, quantity in things.items():
        basket.add_product(product(title), quantity)
    return basket


def place(user, things: dict[str, int], *, site: Site | None = None):
    """Place an order as a call centre's script does: Oscar's OrderCreator, no request, no checkout."""
    basket = a_basket(user, things)
    shipping = get_class("shipping.methods", "Free")()
    charge = shipping.calculate(basket)
    order = get_class("order.utils", "OrderCreator")().place_order(
        basket=basket,
        total=get_class("checkout.calculators", "OrderTotalCalculator")().calculate(basket, charge),
        shipping_method=shipping,
        shipping_charge=charge,
        user=user,
        order_number=get_class("order.utils", "OrderNumberGenerator")().order_number(basket),
        **({"site": site} if site else {}),
    )
    basket.submit()
    return order


def finish(order) -> None:
    """Take an order through the shop's pipeline, always the first way on, to where no way leads on."""
    while order.available_statuses():
        order.set_status(order.available_statuses()[0])


def give_back(order, quantity: int) -> None:
    """The customer returns so many of the first line; the shop writes it down as an event of Oscar's."""
    returned, _ = get_model("order", "ShippingEventType").objects.get_or_create(name="Returned")
    line = order.lines.first()
    get_class("order.processing", "EventHandler")().handle_shipping_event(order, returned, [line], [quantity])
