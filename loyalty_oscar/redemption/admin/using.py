"""Using points in the admin: the limits on a page for each program, and every use to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.ledger.words import basket_in_words
from loyalty_oscar.program import contributions, money
from loyalty_oscar.program.admin import (
    STYLES,
    BehindFront,
    DeletesUnused,
    OnePerProgram,
    ReadOnly,
    TellsMore,
    has_begun,
)
from loyalty_oscar.program.finding import FindsMembers
from loyalty_oscar.program.history import TellsChanges
from loyalty_oscar.program.hooks import order_finders, product_names, set_uses
from loyalty_oscar.program.models import ProductSet, Program
from loyalty_oscar.program.numbers import NumbersInWords
from loyalty_oscar.program.words import points as in_words

from ..forms.using import LeastOrderForm, LeastOrderFormSet, UseTermsForm
from ..models import LeastOrder, Redemption, UseTerms
from ..sentences import sentence


def reads(terms: UseTerms) -> str:
    """Return saved limits as a sentence, or nothing where the program has no points yet."""
    unit = terms.program.unit_or_none
    return sentence(terms=terms, unit=unit) if unit else ""


@contributions.register("admin:program", "using", order=20)
def limits_of_program(*, subject: Program, request: HttpRequest) -> tuple[str, Mapping[str, Any]] | None:
    """Return the limits of a program as a sentence, with the way to change them."""
    user, terms = request.user, UseTerms.objects.filter(program=subject).first()
    if not (user.has_perm("loyalty_redemption.view_useterms") or user.has_perm("loyalty_redemption.change_useterms")):
        return None
    if terms:
        url = reverse("admin:loyalty_redemption_useterms_change", args=[terms.pk])
    else:
        may = user.has_perm("loyalty_redemption.add_useterms")
        url = f"{reverse('admin:loyalty_redemption_useterms_add')}?program={subject.pk}" if may else ""
    return "loyalty/admin/using.html", {"terms": terms, "sentence": reads(terms) if terms else "", "url": url}


@set_uses.register("using")
def sets_of_limits(*, product_set: ProductSet) -> Iterable[str]:
    """Name the programs in which points do not pay for its products."""
    return UseTerms.objects.filter(excluded_sets=product_set).values_list("program__name", flat=True)


class LeastOrderInline(NumbersInWords, admin.TabularInline):
    model = LeastOrder
    form = LeastOrderForm
    formset = LeastOrderFormSet
    extra = 0

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("currency", "amount") if self.has_change_permission(request, obj) else ("currency", "minor")


@admin.register(UseTerms)
class UseTermsAdmin(BehindFront, OnePerProgram, TellsMore, TellsChanges, DeletesUnused, admin.ModelAdmin):
    """What points may pay for in a program; once that began, switched off and not deleted."""

    change_form_template = "loyalty/admin/limits.html"
    form = UseTermsForm
    list_display = ("program", "is_on", "says")
    list_select_related = ("program",)
    inlines = (LeastOrderInline,)

    class Media:
        css = STYLES

    def is_used(self, obj: UseTerms) -> bool:
        return has_begun(obj.program)

    @admin.display(description=pgettext_lazy("loyalty", "the limits"))
    def says(self, terms: UseTerms) -> str:
        return reads(terms)

    def get_readonly_fields(self, request: HttpRequest, obj: UseTerms | None = None) -> tuple[str, ...]:
        return ("program",) if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: UseTerms | None = None) -> Any:
        sets = ("excluded_sets",) if ProductSet.objects.exists() else ()
        together = ("not_with_vouchers", "not_on_discounted", "not_on_exclusive")
        return [
            (None, {"fields": ("program", "is_on", "is_meant")}),
            (pgettext("loyalty", "How much"), {"fields": ("minimum", "step", "per_day")}),
            (pgettext("loyalty", "For what"), {"fields": ("share", *sets)}),
            (pgettext("loyalty", "Not together"), {"fields": together}),
        ]

    def told(self, request: HttpRequest, obj: UseTerms) -> dict[str, Any]:
        return {"sentence": reads(obj)}


class UsesList(ChangeList):
    """A page of uses, the numbers of its orders found at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        know_numbers(self.result_list)


def know_numbers(uses: list[Redemption]) -> None:
    """Tell each use the number of its order, as the ledger wrote it down, or the basket it waits for. One query."""
    keys = {f"hold:{use.hold.public_id}:capture": use for use in uses if use.order_id}
    accounts = {use.hold.account_id for use in keys.values()}
    entries = Entry.objects.filter(account_id__in=accounts, key__in=keys).values_list("key", "because__p__number")
    numbers = {keys[key].pk: number for key, number in entries}
    for use in uses:
        use.known_number = str(numbers.get(use.pk) or use.order_id or basket_in_words(origin=use.hold.origin))


@admin.register(Redemption)
class RedemptionAdmin(BehindFront, FindsMembers, ReadOnly, admin.ModelAdmin):
    """Every use of points, newest first; what is set aside for a basket has no order yet."""

    list_display = ("order", "member", "used", "off", "came_back", "state", "used_at")
    list_filter = ("hold__state", "currency")
    list_select_related = ("hold__account__member__user", "hold__account__unit__program")
    ordering = ("-pk",)
    show_full_result_count = False
    member_paths = ("hold__account__member",)
    fields = ("order", "member", "used", "off", "came_back", "state", "used_at", "anew", "shares")
    readonly_fields = ("order", "member", "used", "off", "came_back", "state", "anew", "shares")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        orders = [pk for found in order_finders.answers(number=search_term) for pk in found]
        if orders:
            return queryset.filter(order_id__in=orders), False
        return super().get_search_results(request, queryset, search_term)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        """Leave out rewards that lie on baskets: what members have of those is a list of its own."""
        return super().get_queryset(request).filter(claim=None)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return UsesList

    @admin.display(description=pgettext_lazy("loyalty", "order"), ordering="order_id")
    def order(self, use: Redemption) -> str:
        if not hasattr(use, "known_number"):
            know_numbers([use])
        return use.known_number

    @admin.display(description=pgettext_lazy("loyalty", "member"))
    def member(self, use: Redemption) -> str:
        return str(use.hold.account.member)

    @admin.display(description=pgettext_lazy("loyalty", "how much is used"), ordering="points")
    def used(self, use: Redemption) -> str:
        return in_words(unit=use.hold.account.unit, points=use.points)

    @admin.display(description=pgettext_lazy("loyalty", "how much came back"), ordering="returned")
    def came_back(self, use: Redemption) -> str:
        return in_words(unit=use.hold.account.unit, points=use.returned) if use.returned else ""

    @admin.display(description=pgettext_lazy("loyalty", "taken off"))
    def off(self, use: Redemption) -> str:
        return money.in_words(minor=use.minor, currency=use.currency)

    @admin.display(description=pgettext_lazy("loyalty", "state"))
    def state(self, use: Redemption) -> str:
        return use.hold.get_state_display()

    @admin.display(description=pgettext_lazy("loyalty", "replaced, because the order was paid anew"), boolean=True)
    def anew(self, use: Redemption) -> bool:
        return use.is_replaced

    @admin.display(description=pgettext_lazy("loyalty", "what each line got"))
    def shares(self, use: Redemption) -> str:
        text = pgettext("loyalty", "%(quantity)s × %(product)s: %(points)s, %(amount)s")
        gone = pgettext("loyalty", "product %(product)s, which is gone")
        found = product_names.answers(product_ids={line["product"] for line in use.lines})
        names = {pk: name for some in found for pk, name in some.items()}
        unit = use.hold.account.unit
        return format_html_join(
            mark_safe("<br>"),
            "{}",
            (
                (
                    text
                    % {
                        "quantity": money.number(line["quantity"]),
                        "product": names.get(line["product"]) or gone % {"product": line["product"]},
                        "points": in_words(unit=unit, points=line["points"]),
                        "amount": money.in_words(minor=line["minor"], currency=use.currency),
                    },
                )
                for line in use.lines
            ),
        )
