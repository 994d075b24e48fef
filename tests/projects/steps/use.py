"""A customer pays with points at Oscar's checkout, sends a unit back, and sets points aside for the next basket."""

from django.urls import reverse
from django.utils import timezone
from oscar.core.loading import get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.operations import join
from tests.projects.shopping import client_of, give_back, person, product
from tests.projects.steps.checkout import ADDRESS, send
from tests.projects.steps.pages import shown

EMAIL = "customer@example.com"


def gift(user, points: int) -> Account:
    """So many points, ready at once."""
    unit, at = Unit.objects.select_related("program").get(), timezone.now()
    account = ledger.open_account(member=join(program=unit.program, user_id=user.pk, at=at), unit=unit)
    grant = ledger.LotGrant(
        account_id=account.pk, points=points, key="gift", source="gift", kind="adjust", because=Because("goodwill"),
        available_at=at,
    )  # fmt: skip
    ledger.post(grant=grant, at=at)
    return account


def standing(account: Account) -> dict[str, int]:
    """What of the gift can be used, and what is set aside; what orders brought may be among it."""
    account.refresh_from_db()
    return {"ready": account.available, "set_aside": account.reserved}


def run() -> dict:
    user = person(EMAIL)
    get_model("basket", "Basket").objects.filter(owner=user, status="Open").delete()
    account, client = gift(user, 2000), client_of(EMAIL)
    before = standing(account)["ready"]
    basket, use = reverse("basket:summary"), reverse("loyalty:use-points")
    send(client, reverse("basket:add", args=[product("Bowl").pk]), {"quantity": 2}, then=basket)
    send(client, use, {"points": "500"}, then=f"{basket}#points")
    asked = shown(client.get(basket).content.decode(), "points")
    address, preview = reverse("checkout:shipping-address"), reverse("checkout:preview")
    send(client, address, ADDRESS, then=reverse("checkout:shipping-method"))
    client.get(reverse("checkout:shipping-method"))
    assert client.get(preview).status_code == 200
    send(client, preview, {"action": "place_order"}, then=reverse("checkout:thank-you"))
    order = get_model("order", "Order").objects.filter(user=user).latest("pk")
    lines = list(order.lines.all())
    used = before - standing(account)["ready"]
    give_back(order, 1)
    came_back = used - (before - standing(account)["ready"])
    send(client, reverse("basket:add", args=[product("Basket").pk]), {"quantity": 1}, then=basket)
    send(client, use, {"points": "700"}, then=f"{basket}#points")
    return {
        "shown": asked,
        "discounts": [str(row.amount) for row in order.discounts.all()],
        "fell_by": str(sum(line.line_price_before_discounts_incl_tax for line in lines) - order.total_incl_tax),
        "used": used,
        "came_back": came_back,
        "set_aside": standing(account)["set_aside"],
    }
