from oscar.apps.checkout import views
from oscar.apps.payment.models import Source, SourceType


class PaymentDetailsView(views.PaymentDetailsView):
    """This store sends an invoice, and writes that into the order."""

    def handle_payment(self, order_number, total, **kwargs) -> None:
        source_type, _ = SourceType.objects.get_or_create(name="Invoice")
        source = Source(source_type=source_type, currency=total.currency, amount_allocated=total.incl_tax)
        self.add_payment_source(source)
