"""The pages of sales: which there are, what one offers or when it opens, and products that only it shows."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.http import Http404
from django.urls import reverse
from django.utils.translation import pgettext
from django.views.generic import TemplateView
from oscar.core.loading import get_class, get_model

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.exclusives.queries import counts_of, dates_of
from loyalty_oscar.program import clock

from ..storefront.views.account import WithProgram
from . import showing
from .gate import not_kept_by_others
from .visitors import is_known, products_of, sales_of_visit, who_visits

PageTitleMixin = get_class("customer.mixins", "PageTitleMixin")
ProductDetailView = get_class("catalogue.views", "ProductDetailView")


class SalesView(WithProgram, PageTitleMixin, TemplateView):
    """The sales that this visitor may see, running and coming."""

    template_name = "loyalty/sales.html"
    active_tab = "loyalty"

    def get_page_title(self) -> str:
        return pgettext("loyalty", "Member sales")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        who, at = who_visits(visit=self.request.loyalty), clock.now()
        rows = []
        for sale in sales_of_visit(visit=self.request.loyalty):
            answer = rules.admission(sale=sale.dates, who=who, at=at)
            if answer.sees and not rules.is_over(sale=sale.dates, at=at):
                rows.append(showing.SaleRow(sale=sale, admission=answer, at=at))
        rows.sort(
            key=lambda row: (not row.admission.buys, row.admission.opens_at is None, row.admission.opens_at or at)
        )
        return super().get_context_data(rows=rows, **kwargs)


class OfSale(WithProgram):
    """A page of one sale: not there for those who may not see it, nor when it is over; staff may look before."""

    @cached_property
    def sale(self) -> Sale:
        """The sale of the address; staff see those that are not in force yet."""
        sales = Sale.objects.filter(program=self.program, code=self.kwargs["code"])
        sale = sales.select_related("program", "product_set").prefetch_related("doors").first()
        if sale is None:
            raise Http404("no such sale")
        sale.dates = dates_of(sale=sale)
        if not self.is_for_staff and not (sale.is_on and self.admission_to(sale).sees and not self.is_over(sale)):
            raise Http404("this sale is not shown to everybody")
        return sale

    def admission_to(self, sale: Sale) -> rules.Admission:
        """Return what the visitor may do with a sale."""
        return rules.admission(sale=sale.dates, who=who_visits(visit=self.request.loyalty), at=clock.now())

    @cached_property
    def is_for_staff(self) -> bool:
        """Whether the visitor may look at sales before anybody else."""
        user = self.request.user
        return user.is_staff and user.has_perm("loyalty_exclusives.view_sale")

    def shows(self, sale: Sale, product: Any) -> bool:
        """
        Return whether the page of a sale shows a product: one that is not public only until its hidden sale has made
        it so, and never what another sale keeps from this visitor.
        """
        if product.is_public or (self.is_for_staff and sale.dates.is_hidden):
            return True
        if not sale.dates.is_hidden or sale.published_at:
            return False
        return not_kept_by_others(sale=sale, product_id=product.pk, visit=self.request.loyalty)

    def is_over(self, sale: Sale) -> bool:
        """Return whether a sale has ended."""
        return rules.is_over(sale=sale.dates, at=clock.now())


class SaleView(OfSale, PageTitleMixin, TemplateView):
    """May I in, how long, and what is left? For others: what opens it, and when."""

    template_name = "loyalty/sale.html"
    active_tab = "loyalty"

    def get_page_title(self) -> str:
        return self.sale.name

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        sale, at = self.sale, clock.now()
        answer = self.admission_to(sale)
        count = counts_of(sale_ids=[sale.pk], at=at)[sale.pk] if sale.quota else None
        products = self.products(sale)
        return super().get_context_data(
            row=showing.SaleRow(sale=sale, admission=answer, at=at),
            stock=self.stock(sale, count) if sale.is_counted else None,
            products=products,
            only=products[0] if len(products) == 1 else None,
            **kwargs,
        )

    def stock(self, sale: Sale, count: Any) -> showing.Stock:
        """Return what is left of a counted sale, as this visitor is told."""
        return showing.Stock(sale=sale, count=count, is_kept=is_known(visit=self.request.loyalty))

    def products(self, sale: Sale) -> list[Any]:
        """Return the products of a sale with the address where this visitor can look at them."""
        found = get_model("catalogue", "Product").objects.filter(pk__in=products_of(sale=sale), parent=None)
        found = found.prefetch_related("stockrecords", "images").order_by("title", "pk")
        found = [product for product in found if self.shows(sale, product)]
        for product in found:
            own = reverse("loyalty:sale-product", kwargs={"code": sale.code, "pk": product.pk})
            product.loyalty_url = product.get_absolute_url() if product.is_public else own
        return found


class SaleProductView(OfSale, ProductDetailView):
    """A product that only its hidden sale shows, for those who may see the sale."""

    enforce_paths = False
    enforce_parent = False

    def get_queryset(self) -> Any:
        """Return the products of the sale."""
        return super().get_queryset().filter(pk__in=products_of(sale=self.sale))

    def is_viewable(self, product: Any, request: Any) -> bool:
        """Return whether a sale shows it that the visitor may see."""
        return self.shows(self.sale, product)
