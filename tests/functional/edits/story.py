"""
The order of docs/reference/edited-orders.md: Priya's first, with every feature on it.

A bed, a bed with a name tag (100.00 each) and two bowls (25.00 each), all from a sale of ten pieces. Priya came by
Boris' link and used 1,000 points, which took 10.00 off: 4.00, 4.00 and 2.00. What is paid, 240.00, is Silver.
"""

from decimal import Decimal

from django.db import transaction
from django.db.models import Sum
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award
from loyalty_oscar.exclusives.models import QuotaCounter
from loyalty_oscar.journeys.models import Occurrence
from loyalty_oscar.ledger.models import Account, Lot
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.referrals.operations import bind
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import SchemeFactory
from loyalty_oscar.tiers.models import Score, Standing
from tests.integration.exclusives.sales import a_sale
from tests.integration.journeys.deeds import a_campaign
from tests.integration.ledger.books import assert_clean
from tests.integration.referrals.friendly import code_for
from tests.integration.tiers.ladders import a_ladder
from tests.points import give, pay, points_club, use
from tests.storefront import a_basket, a_product, a_user, arrive, day, first_order_bonus

Order, Line, Product = get_model("order", "Order"), get_model("order", "Line"), get_model("catalogue", "Product")
PLACED, DELIVERED, EDITED, LATER = day(4, 1), day(4, 2), day(4, 4), day(5, 6)
NUMBER, RENAMED, AGAIN, USED = "2026-0401", "2026-0401-B", "till-77", 1000
BED, BOWL, BASKET = "Bed", "Bowl", "Basket"
PRIYA, BORIS, ANNA = "priya@example.com", "boris@example.com", "anna@example.com"


def tell():
    """Let it happen, until the parcel has arrived and Priya has reviewed what was in it."""
    unit = points_club()
    a_ladder(unit=unit, gifts=(0, 50, 0), percents=(100, 100, 100))
    first_order_bonus(unit)
    a_campaign(unit, "review")
    SchemeFactory(program=unit.program, giver_points=150, newcomer_points=100, least_minor=20_000)
    bed, bowl, _basket = a_product(BED, "100.00"), a_product(BOWL, "25.00"), a_product(BASKET, "30.00")
    a_sale(unit, bed, bowl, doors=(), quota=10, public_from=day(3, 1), ends_at=day(12, 1))
    forget_cache()
    priya, boris, _anna = a_user(PRIYA), a_user(BORIS), a_user(ANNA)
    bind(code=code_for(boris, unit), program_id=unit.program_id, user_id=priya.pk, at=day(3, 1))
    give(priya, USED, unit)
    option = get_model("catalogue", "Option").objects.create(name="Name tag", code="name-tag")
    bed.product_class.options.add(option)
    with clock.at(PLACED):
        basket = a_basket(priya, (bed, 1), (bowl, 2))
        basket.add_product(bed, 1, [{"option": option, "value": "Rex"}])
        order = pay(use(priya, basket, USED, unit=unit, at=PLACED))
        Order.objects.filter(pk=order.pk).update(number=NUMBER, date_placed=PLACED)
    sync_orders(order_ids=[order.pk], at=PLACED)
    arrive(Order.objects.get(pk=order.pk), on=DELIVERED)
    with clock.at(DELIVERED), transaction.atomic():
        for product in (bed, bowl):
            review(priya, product)
    look_at_reviews(at=DELIVERED)


def review(user, product):
    """Somebody says that a product is good, and staff show it."""
    reviews = get_model("reviews", "ProductReview").objects
    return reviews.create(product=product, user=user, title="Good", body="It is good.", score=5, status=1)


def look_at_reviews(*, at):
    """What the nightly job does about reviews."""
    from loyalty_oscar.shop.journeys.reviews import look_again

    list(look_again(at=at))


def the_order():
    """The order, as it stands; None where it is deleted."""
    return Order.objects.filter(number__in=(NUMBER, RENAMED)).first()


def line_of(order, name):
    """A line of the order by what is on it: "bed", "tagged bed", "bowls", "basket"."""
    beds = order.lines.filter(title=BED).order_by("pk")
    return {
        "bed": lambda: beds.filter(attributes=None).first(),
        "tagged bed": lambda: beds.exclude(attributes=None).first(),
        "bowls": lambda: order.lines.filter(title=BOWL).order_by("pk").first(),
        "carrier": lambda: order.lines.filter(title="Carrier").order_by("pk").first(),
        "basket": lambda: order.lines.filter(title=BASKET).first(),
    }[name]()


def product(title):
    """A product by its title."""
    return Product.objects.get(title=title)


def points_from(email, start):
    """What somebody has of lots from a source."""
    lots = Lot.objects.filter(account__member__user__email=email, source__startswith=start)
    found = lots.aggregate(remaining=Sum("remaining", default=0), reserved=Sum("reserved", default=0))
    return found["remaining"] + found["reserved"]


def total_of(email):
    """All that somebody has, less what is to be made up."""
    found = Account.objects.filter(member__user__email=email).first()
    return found.available + found.pending + found.reserved - found.debt if found else 0


def now():
    """What every feature says now, as the table of the docs says it."""
    assert_clean()
    forget_cache()
    mine = {"account__member__user__email": PRIYA}
    uses = Redemption.objects.filter(**{f"hold__{name}": value for name, value in mine.items()}, order_id__gt=0)
    earned = Award.objects.filter(**mine).aggregate(sum=Sum("given", default=0))["sum"]
    used = uses.aggregate(sum=Sum("points", default=0) - Sum("returned", default=0))["sum"]
    counted = Score.objects.filter(member__user__email=PRIYA).aggregate(sum=Sum("value", default=0))["sum"]
    standing = Standing.objects.select_related("tier").filter(member__user__email=PRIYA, is_current=True).first()
    campaigns = Occurrence.objects.filter(member__user__email=PRIYA, state="done")
    found = {
        "earned": f"{earned:,}",
        "used": f"{used:,}",
        "level": f"{standing.tier.name if standing and standing.tier else 'none'}, {Decimal(counted) / 100:.2f}",
        "gift": f"{points_from(PRIYA, 'tier:'):,}",
        "friends": f"{points_from(PRIYA, 'referral:')} + {points_from(BORIS, 'referral:')}",
        "pieces": f"{QuotaCounter.objects.get().taken}",
        "campaigns": f"{campaigns.aggregate(sum=Sum('points', default=0))['sum']:,}",
    }
    gift, friend, acted = (int(found[name].split()[0]) for name in ("gift", "friends", "campaigns"))
    assert total_of(PRIYA) == USED + earned - used + gift + friend + acted, "an account and its features disagree"
    assert total_of(ANNA) == 0, "somebody else has points of this order"
    return found
