"""The club with all of it: a level with its price, a sale that opens to it first, a friend brought in, a campaign."""

from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone
from oscar.core.loading import get_model

from loyalty_oscar import extend
from loyalty_oscar.exclusives.levels import levels
from loyalty_oscar.exclusives.models import Door, Sale
from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import ProductSet, Program
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.referrals.models import Referral, Scheme
from loyalty_oscar.referrals.operations import code_of
from loyalty_oscar.shop.models import ProductSetRange
from loyalty_oscar.tiers.models import Ladder, MemberPrice, Standing, Tier
from tests.projects.shopping import a_person, client_of, finish, person, place, product


def a_set(title: str) -> ProductSet:
    """A product set of one product."""
    found = get_model("offer", "Range").objects.create(name=title)
    found.add_product(product(title))
    product_set = ProductSet.objects.create(code=title.lower(), name=title)
    ProductSetRange.objects.create(product_set=product_set, range=found)
    return product_set


def open_club(program: Program) -> None:
    """What the merchant sets up: Silver from ten pounds, a price for it, a sale that it enters a day before others."""
    yesterday, tomorrow = timezone.now() - timedelta(days=1), timezone.now() + timedelta(days=1)
    ladder = Ladder.objects.create(program=program)
    silver = Tier.objects.create(ladder=ladder, rank=1, code="silver", name="Silver", threshold=1000)
    MemberPrice.objects.create(tier=silver, product_set=a_set("Basket"), percent=10, starts_at=yesterday)
    sale = Sale.objects.create(
        program=program, code="leads", name="Leads first", product_set=a_set("Lead"), percent=20, quota=5, is_on=True,
        public_from=tomorrow,
    )  # fmt: skip
    Door.objects.create(sale=sale, rank=1, seen_from=yesterday, buys_from=yesterday)
    Scheme.objects.create(program=program, giver_points=150, newcomer_points=100, least_minor=1000)
    Campaign.objects.create(program=program, code="hello", name="Registered", occasion="sign-up", points=50)
    forget_cache()


def locked(client: Client, title: str) -> bool:
    """Whether the page of a product shows the lock of a sale."""
    return 'data-loyalty="lock"' in client.get(product(title).get_absolute_url()).content.decode()


def run() -> dict:
    program, customer = Program.objects.get(), person("customer@example.com")
    open_club(program)
    place(customer, {"Bowl": 2})  # The club begins to count here: enough for Silver.
    friend = a_person("friend@example.com")
    code = code_of(member=join(program=program, user_id=customer.pk, at=timezone.now())).code
    brought = extend.brought(user=friend, code=code)
    order = place(friend, {"Bowl": 1})
    finish(order)
    in_the_sale = client_of(customer.email)
    answer = in_the_sale.post(reverse("basket:add", args=[product("Lead").pk]), {"quantity": 1})
    basket = get_model("basket", "Basket").objects.filter(owner=customer, status="Open").latest("pk")
    referral = Referral.objects.get()
    return {
        "levels": list(levels(program_id=program.pk).values()),
        "standing": str(Standing.objects.get(member__user=customer, is_current=True).tier),
        "is_locked": {"stranger": locked(Client(), "Lead"), "silver": locked(in_the_sale, "Lead")},
        "may_buy": answer.status_code == 302 and basket.lines.filter(product=product("Lead")).exists(),
        "brought": brought,
        "referral": referral.state,
        "on_the_way": [
            sum(account.lots.filter(source__startswith="referral:").values_list("granted", flat=True))
            for account in Account.objects.filter(member__in=[referral.giver, referral.newcomer]).order_by("pk")
        ],
        "campaign": extend.address_confirmed(user=friend, email=friend.email),
    }
