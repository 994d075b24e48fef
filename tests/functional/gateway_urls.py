"""A shop whose customers pay on the pages of a gateway, and come back from there."""

from typing import ClassVar

from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from oscar.apps.order.exceptions import UnableToPlaceOrder
from oscar.apps.payment.exceptions import RedirectRequired
from oscar.core.loading import get_class, get_model

from tests.urls import urlpatterns as shop

Basket = get_model("basket", "Basket")
PaymentDetailsView = get_class("checkout.views", "PaymentDetailsView")
#: What the gateway was asked for, and what it was told to take in the end.
asked, taken = [], []


def applied(basket, request):
    """A basket as plugins of payment gateways load it."""
    basket.strategy = get_class("partner.strategy", "Selector")().strategy(request=request, user=request.user)
    get_class("offer.applicator", "Applicator")().apply(basket, request.user, request)
    return basket


def sent_away(self, order_number, total, **kwargs):
    """What `handle_payment` of the shop's checkout does: it sends the customer to the gateway."""
    asked.append(total.incl_tax)
    raise RedirectRequired(url="https://gateway.example/pay")


class Back(PaymentDetailsView):
    """The customer comes back; the basket is frozen still, or thawed first."""

    preview = True
    #: Oscar's own ask for goods in the open basket, and this one is frozen.
    pre_conditions: ClassVar = []

    def get(self, request, *args, thaw, **kwargs):
        basket = Basket.objects.get(pk=self.checkout_session.get_submitted_basket_id(), status="Frozen")
        if thaw:
            basket.thaw()
        return self.submit(**self.build_submission(basket=applied(basket, request)))

    def handle_payment(self, order_number, total, **kwargs):
        taken.append(total.incl_tax)


@csrf_exempt
def webhook(request, basket_id):
    """The gateway tells the shop; nobody is signed in."""
    basket = applied(Basket.objects.get(pk=basket_id, status="Frozen"), request)
    method = get_class("shipping.methods", "Free")()
    charge = method.calculate(basket)
    total = get_class("checkout.calculators", "OrderTotalCalculator")().calculate(basket, charge)
    try:
        order = get_class("order.utils", "OrderCreator")().place_order(
            basket=basket, total=total, shipping_method=method, shipping_charge=charge, user=AnonymousUser(),
            guest_email="boris@example.com", request=request,
        )  # fmt: skip
    except UnableToPlaceOrder as error:
        return HttpResponse(str(error), status=409)
    basket.submit()
    return HttpResponse(order.number)


def api_thaw(request, basket_id):
    """The shop's own part of an API: a payment is through, and the client may check out."""
    Basket.objects.get(pk=basket_id, status="Frozen").thaw()
    return HttpResponse()


def api_freeze(request, basket_id):
    """A payment begins; nobody looks at any offer here."""
    Basket.objects.get(pk=basket_id, status="Open").freeze()
    return HttpResponse()


urlpatterns = [
    path("gateway/back/", Back.as_view(), {"thaw": False}),
    path("gateway/back/thawed/", Back.as_view(), {"thaw": True}),
    path("gateway/webhook/<int:basket_id>/", webhook),
    path("api/pay/<int:basket_id>/", api_freeze),
    path("api/paid/<int:basket_id>/", api_thaw),
    path("api/", include("oscarapi.urls")),
    *shop,
]
