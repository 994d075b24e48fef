"""The records of the house, to look at: what happened, what was told, the jobs, and how far orders are counted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import display_for_value
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import pgettext, pgettext_lazy
from oscar.core.loading import get_model

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import money, words
from loyalty_oscar.program.admin import BehindFront, ReadOnly
from loyalty_oscar.program.events import title_of, topics
from loyalty_oscar.program.finding import FindsMembersOrKeys
from loyalty_oscar.program.forms import is_key
from loyalty_oscar.program.hooks import order_finders
from loyalty_oscar.program.models import Delivery, Event, JobRun, Member, Program
from loyalty_oscar.program.references import linked, referents

from ..dashboard.history import consumer_name, state_of
from ..dashboard.links import order_url, url_of
from ..models import OrderSync
from ..upkeep.jobs import titles

#: What of an event only code can read: keys of rows.
KEYS = frozenset({"account", "entries", "lots", "occurrence", "referral", "standing"})
#: A day or a moment as it is kept in a record.
DAY, MOMENT = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"\d{4}-\d\d-\d\dT.+")


def in_lines(rows: Mapping[str, Any]) -> str:
    """Return names and values as a page shows them, one a line."""
    return format_html_join(mark_safe("<br>"), "{}: {}", rows.items())


def shown(at: datetime | date) -> str:
    """Return a moment or a day as the admin shows those of a table."""
    return str(display_for_value(at, ""))


def in_words(value: Any) -> Any:
    """Return what is kept in a record as somebody reads it: a reason, days and moments in words, each of several."""
    if isinstance(value, list):
        return ", ".join(str(in_words(one)) for one in value)
    if isinstance(value, dict) and set(value) == {"c", "p"}:
        return words.why(value)
    text = value if isinstance(value, str) else ""
    try:
        if MOMENT.fullmatch(text):
            return shown(datetime.fromisoformat(text))
        return shown(date.fromisoformat(text)) if DAY.fullmatch(text) else value
    except ValueError:
        return value


@referents.register("order")
def order_of(*, key: str) -> tuple[str, str] | None:
    """Return an order by its number, with its page on Oscar's dashboard; one that is gone by the number it had."""
    order = get_model("order", "Order").objects.filter(pk=key).first() if is_key(key) else None
    known = order or (OrderSync.objects.filter(order_id=key).first() if is_key(key) else None)
    number = order.number if order else str(known or key)
    return pgettext("loyalty", "Order %(number)s") % {"number": number}, order_url(order) if order else ""


@referents.register("review")
def review_of(*, key: str) -> tuple[str, str] | None:
    """Return the review of a product, with its page on Oscar's dashboard."""
    reviews = get_model("reviews", "ProductReview").objects.select_related("product")
    review = reviews.filter(pk=key).first() if is_key(key) else None
    text = pgettext("loyalty", "Review of %(product)s")
    return (text % {"product": review.product}, url_of("dashboard:reviews-update", pk=review.pk)) if review else None


class TopicFilter(admin.SimpleListFilter):
    """Filters events by what happened, in words."""

    title = pgettext_lazy("loyalty", "what happened")
    parameter_name = "topic"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(((code, title_of(topic=code)) for code, _topic in topics.items()), key=lambda one: one[1])

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(topic=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(BehindFront, FindsMembersOrKeys, ReadOnly, admin.ModelAdmin):
    """What happened, as whoever wants to know is told."""

    list_display = ("about", "member", "at")
    list_filter = (TopicFilter, "is_new")
    list_select_related = ("member__user",)
    ordering = ("-pk",)
    show_full_result_count = False
    fields = ("about", "member", "at", "goes_along", "reference")
    readonly_fields = ("about", "goes_along", "reference")

    @admin.display(description=pgettext_lazy("loyalty", "what happened"), ordering="topic")
    def about(self, event: Event) -> str:
        return title_of(topic=event.topic)

    @admin.display(description=pgettext_lazy("loyalty", "reference"))
    def reference(self, event: Event) -> str:
        return linked(reference=event.key)

    @admin.display(description=pgettext_lazy("loyalty", "what is told along"))
    def goes_along(self, event: Event) -> str:
        told = {name: in_words(value) for name, value in event.payload.items() if name not in KEYS}
        if isinstance(told.get("order"), int):
            told["order"] = OrderSync.objects.filter(order_id=told["order"]).first() or told["order"]
        return in_lines({name.replace("_", " "): value for name, value in told.items()})


@admin.register(Delivery)
class DeliveryAdmin(BehindFront, FindsMembersOrKeys, ReadOnly, admin.ModelAdmin):
    """Messages that left or wait to leave: an event each, told in one way."""

    list_display = ("about", "member", "how", "happened_at", "state", "done_at", "attempts")
    list_filter = ("consumer", "is_open")
    member_paths, key_path = ("event__member",), "event__key"
    list_select_related = ("event__member__user",)
    ordering = ("-pk",)
    show_full_result_count = False
    fields = ("about", "member", "how", "happened_at", "state", "done_at", "attempts", "next_try", "reference")
    readonly_fields = ("about", "member", "how", "happened_at", "state", "next_try", "reference")

    @admin.display(description=pgettext_lazy("loyalty", "about"))
    def about(self, delivery: Delivery) -> str:
        return title_of(topic=delivery.event.topic)

    @admin.display(description=pgettext_lazy("loyalty", "reference"))
    def reference(self, delivery: Delivery) -> str:
        return linked(reference=delivery.event.key)

    @admin.display(description=pgettext_lazy("loyalty", "member"))
    def member(self, delivery: Delivery) -> Any:
        return delivery.event.member

    @admin.display(description=pgettext_lazy("loyalty", "by"), ordering="consumer")
    def how(self, delivery: Delivery) -> str:
        return consumer_name(delivery.consumer)

    @admin.display(description=pgettext_lazy("loyalty", "happened"))
    def happened_at(self, delivery: Delivery) -> str:
        return shown(delivery.event.at)

    @admin.display(description=pgettext_lazy("loyalty", "what became of it"))
    def state(self, delivery: Delivery) -> str:
        return state_of(delivery)

    @admin.display(description=pgettext_lazy("loyalty", "next try"))
    def next_try(self, delivery: Delivery) -> str:
        return shown(delivery.next_at) if delivery.is_open else ""


@admin.register(JobRun)
class JobRunAdmin(BehindFront, ReadOnly, admin.ModelAdmin):
    """When each job last ran."""

    list_display = ("job", "started_at", "finished_at", "good_at", "done", "error")
    fields = ("job", "name", "started_at", "finished_at", "good_at", "done", "error", "left_alone", "how_far")
    readonly_fields = ("job", "left_alone", "how_far")

    @admin.display(description=pgettext_lazy("loyalty", "job"), ordering="name")
    def job(self, run: JobRun) -> str:
        return str(titles().get(run.name) or run.name)

    @admin.display(description=pgettext_lazy("loyalty", "members it had to leave alone"))
    def left_alone(self, run: JobRun) -> str:
        found = Account.objects.select_related("member__user").in_bulk(map(int, run.skipped or {}))
        return in_lines({str(found.get(int(pk), pk)): why for pk, why in (run.skipped or {}).items()})

    @admin.display(description=pgettext_lazy("loyalty", "where a long walk goes on"))
    def how_far(self, run: JobRun) -> str:
        told = pgettext("loyalty", "after member %(member)s, begun %(since)s")
        places = run.cursor or {}
        programs = Program.objects.in_bulk(map(int, places))
        members = Member.objects.select_related("user").in_bulk([member_id for member_id, _since in places.values()])
        return in_lines(
            {
                str(programs.get(int(key), key)): told
                % {"member": members.get(member_id, member_id), "since": in_words(since)}
                for key, (member_id, since) in places.items()
            }
        )


@admin.register(OrderSync)
class OrderSyncAdmin(BehindFront, ReadOnly, admin.ModelAdmin):
    """How far each order is counted; those that could not be say why."""

    list_display = ("number", "state", "dirty_since", "final_at", "failures")
    list_filter = ("is_dirty",)
    search_fields = ("=order_id",)
    search_help_text = pgettext_lazy("loyalty", "Number of an order")
    ordering = ("-pk",)
    show_full_result_count = False
    fields = ("order", "state", "dirty_since", "final_at", "failures", "not_done")
    readonly_fields = ("order", "state", "not_done")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        orders = [pk for found in order_finders.answers(number=search_term.strip()) for pk in found]
        if orders:
            return queryset.filter(order_id__in=orders), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=pgettext_lazy("loyalty", "order"), ordering="order_id")
    def number(self, mark: OrderSync) -> str:
        return str(mark)

    @admin.display(description=pgettext_lazy("loyalty", "order"))
    def order(self, mark: OrderSync) -> str:
        number = mark.placed.get("number")
        url = url_of("dashboard:order-detail", number=number) if number else ""
        return format_html('<a href="{}">{}</a>', url, number) if url else str(mark)

    @admin.display(description=pgettext_lazy("loyalty", "state"), ordering="is_dirty")
    def state(self, mark: OrderSync) -> str:
        if mark.failures:
            told = {"count": money.number(mark.failures), "why": mark.error}
            return pgettext("loyalty", "could not be counted, tries so far: %(count)s (%(why)s)") % told
        return pgettext("loyalty", "waits to be counted") if mark.is_dirty else pgettext("loyalty", "counted")

    @admin.display(description=pgettext_lazy("loyalty", "what could not be done"))
    def not_done(self, mark: OrderSync) -> str:
        return in_lines(mark.failed)
