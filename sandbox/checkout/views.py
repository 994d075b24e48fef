"""A payment that charges nobody, and a card that is declined so that one can see what happens then."""

from typing import Any

from oscar.apps.checkout import views
from oscar.core.loading import get_class

UnableToTakePayment = get_class("payment.exceptions", "UnableToTakePayment")


class PaymentDetailsView(views.PaymentDetailsView):
    """Asks which card; the preview carries it along to the button that places the order."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(card=self.request.GET.get("card", ""), **kwargs)

    def handle_payment(self, order_number: Any, total: Any, **kwargs: Any) -> None:
        if self.request.POST.get("card") == "declined":
            raise UnableToTakePayment("The bank declined this card. Nothing was charged.")
