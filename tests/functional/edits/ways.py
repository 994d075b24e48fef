"""
What staff can do to an order, each thing by the ways on which it can be done.

`orm` is code of the store that saves and deletes, `silent` updates, bulk inserts and raw deletes, which tell nobody,
`admin` the pages of Django's admin as a browser posts them, `dashboard` those of Oscar's.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.db import transaction
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model

from tests.forms import fields_of
from tests.orders import come_back, paid_back

from .story import Line, Order, line_of, product, the_order


def costs(paid, listed):
    """What a line costs, after and before discounts."""
    paid, listed = Decimal(paid), Decimal(listed)
    return {
        "line_price_incl_tax": paid, "line_price_excl_tax": paid, "line_price_before_discounts_incl_tax": listed,
        "line_price_before_discounts_excl_tax": listed,
    }  # fmt: skip


class Op:
    """One thing that is done to the order. Those with `form` change the admin's page of it."""

    def orm(self, order):
        raise NotImplementedError

    def silent(self, order):
        raise NotImplementedError


def staff():
    """A browser in which somebody who may do everything is signed in."""
    boss, _made = get_user_model().objects.get_or_create(
        username="boss", defaults={"email": "boss@example.com", "is_staff": True, "is_superuser": True}
    )
    client = Client()
    client.force_login(boss)
    return client


def posted(client, url, change, form_id):
    """Open a page, change its form, and send it; nothing may be wrong with it."""
    fields = fields_of(client.get(url), form_id)
    change(fields)
    response = client.post(url, fields)
    assert response.status_code == 302, response.context and [
        [form.errors for form in one.formset.forms if form.errors] for one in response.context["inline_admin_formsets"]
    ]


def admin(batch):
    """Do a batch on the admin's page of the order, in one save; what is not on that page has one of its own."""
    client, order = staff(), the_order()
    if not all(hasattr(op, "form") for op in batch):
        (op,) = batch
        op.admin(client, order)
        return
    url = reverse("admin:order_order_change", args=[order.pk])
    posted(client, url, lambda fields: [op.form(order, fields) for op in batch], "order_form")


def dashboard(batch):
    """Do it on Oscar's dashboard."""
    client, order = staff(), the_order()
    for op in batch:
        response = client.post(reverse("dashboard:order-detail", args=[order.number]), op.dashboard(order), follow=True)
        said = [str(message) for message in response.context["messages"]]
        assert said and not [text for text in said if "nvalid" in text or "nable" in text], said


def orm(batch):
    """Do it by saving and deleting, in one transaction."""
    order = the_order()
    with transaction.atomic():
        for op in batch:
            op.orm(order)


def silent(batch):
    """Do it so that nobody is told."""
    order = the_order()
    with transaction.atomic():
        for op in batch:
            op.silent(order)


WAYS = {way.__name__: way for way in (dashboard, admin, orm, silent)}


def _number_of(fields, line):
    """Where a line stands on the admin's page."""
    return next(name.split("-")[1] for name, value in fields.items() if name.endswith("-id") and value == str(line.pk))


def _text(value):
    return str(value.pk if hasattr(value, "pk") else value)


@dataclass
class Change(Op):
    """A line changes."""

    line: str
    fields: dict

    def orm(self, order):
        line = line_of(order, self.line)
        for name, value in self.known().items():
            setattr(line, name, value)
        line.save()

    def silent(self, order):
        Line.objects.filter(pk=line_of(order, self.line).pk).update(**self.known())

    def form(self, order, fields):
        number = _number_of(fields, line_of(order, self.line))
        fields.update({f"lines-{number}-{name}": _text(value) for name, value in self.known().items()})

    def known(self):
        return {name: product(value) if name == "product" else value for name, value in self.fields.items()}


@dataclass
class Remove(Op):
    """A line is deleted."""

    line: str

    def orm(self, order):
        line_of(order, self.line).delete()

    def silent(self, order):
        forget_line(line_of(order, self.line))

    def form(self, order, fields):
        fields[f"lines-{_number_of(fields, line_of(order, self.line))}-DELETE"] = "on"


def forget_line(line):
    """Delete a line and what hangs on it without a word."""
    for name in ("LinePrice", "LineAttribute", "ShippingEventQuantity", "PaymentEventQuantity", "OrderLineDiscount"):
        rows = get_model("order", name).objects.filter(line=line)
        rows._raw_delete(rows.db)
    Line.objects.filter(pk=line.pk)._raw_delete("default")


@dataclass
class Add(Op):
    """A line is written anew."""

    product: str
    quantity: int = 1
    fields: dict = field(default_factory=dict)

    def line(self, order):
        found = product(self.product)
        record = found.stockrecords.get()
        unit = record.price
        return Line(
            order=order, product=found, title=found.title, quantity=self.quantity, stockrecord=record,
            partner=record.partner, partner_name=record.partner.name, partner_sku=record.partner_sku, num_allocated=0,
            status="Pending", unit_price_incl_tax=unit, unit_price_excl_tax=unit,
            **{**costs(unit * self.quantity, unit * self.quantity), **self.fields},
        )  # fmt: skip

    def orm(self, order):
        self.line(order).save()

    def silent(self, order):
        Line.objects.bulk_create([self.line(order)])

    def form(self, order, fields):
        line, number = self.line(order), int(fields["lines-TOTAL_FORMS"])
        names = [name.split("-", 2)[2] for name in fields if name.startswith("lines-__prefix__-")]
        for name in names:
            value = getattr(line, name, None)
            fields[f"lines-{number}-{name}"] = "" if value is None or value is False else _text(value)
        fields[f"lines-{number}-order"] = str(order.pk)
        fields["lines-TOTAL_FORMS"] = str(number + 1)


@dataclass
class OrderChange(Op):
    """The order itself changes."""

    fields: dict

    def orm(self, order):
        for name, value in self.known().items():
            setattr(order, name, value)
        order.save()

    def silent(self, order):
        Order.objects.filter(pk=order.pk).update(**self.known())

    def form(self, order, fields):
        for name, value in self.known().items():
            if name == "date_placed":
                fields["date_placed_0"], fields["date_placed_1"] = f"{value:%Y-%m-%d}", f"{value:%H:%M:%S}"
            else:
                fields[name] = "" if value is None else _text(value)

    def known(self):
        found = dict(self.fields)
        if found.get("user"):
            found["user"] = get_user_model().objects.get(email=found["user"])
        if found.get("site"):
            found["site"] = Site.objects.get_or_create(pk=7, domain="elsewhere.example", name="Elsewhere")[0]
        return found


class Delete(Op):
    """The order is deleted."""

    def orm(self, order):
        order.delete()

    def silent(self, order):
        forget_order(order)

    def admin(self, client, order):
        response = client.post(reverse("admin:order_order_delete", args=[order.pk]), {"post": "yes"})
        assert response.status_code == 302


class DeleteSelected(Delete):
    """The order is deleted from the list of orders."""

    def orm(self, order):
        Order.objects.filter(pk=order.pk).delete()

    def admin(self, client, order):
        told = {"action": "delete_selected", "_selected_action": str(order.pk), "post": "yes"}
        assert client.post(reverse("admin:order_order_changelist"), told).status_code == 302


def forget_order(order):
    """Delete an order and all that hangs on it without a word."""
    for line in order.lines.all():
        forget_line(line)
    for relation in Order._meta.related_objects:
        if relation.one_to_many and relation.on_delete.__name__ == "CASCADE":
            relation.related_model._base_manager.filter(**{relation.field.name: order})._raw_delete("default")
    Order.objects.filter(pk=order.pk)._raw_delete("default")


@dataclass
class DeleteProduct(Op):
    """A product is deleted from the catalogue."""

    title: str

    def orm(self, order):
        product(self.title).delete()

    def admin(self, client, order):
        url = reverse("admin:catalogue_product_delete", args=[product(self.title).pk])
        assert client.post(url, {"post": "yes"}).status_code == 302


@dataclass
class Status(Op):
    """The order gets another status."""

    new: str

    def orm(self, order):
        order.pipeline = {**order.pipeline, order.status: (self.new,)}
        order.set_status(self.new)

    def silent(self, order):
        Order.objects.filter(pk=order.pk).update(status=self.new)

    def form(self, order, fields):
        fields["status"] = self.new

    def dashboard(self, order):
        return {"order_action": "change_order_status", "new_status": self.new}


@dataclass
class LineStatus(Op):
    """A line gets another status."""

    line: str
    new: str

    def orm(self, order):
        line_of(order, self.line).set_status(self.new)

    def silent(self, order):
        Line.objects.filter(pk=line_of(order, self.line).pk).update(status=self.new)

    def form(self, order, fields):
        Change(self.line, {"status": self.new}).form(order, fields)

    def dashboard(self, order):
        line = line_of(order, self.line)
        chosen = {"selected_line": str(line.pk), f"selected_line_qty_{line.pk}": str(line.quantity)}
        return {"line_action": "change_line_statuses", "new_status": self.new, **chosen}


@dataclass
class ComesBack(Op):
    """Pieces of a line come back."""

    line: str
    pieces: int
    kind, code, more = "shipping", "returned", {"notes": ""}

    def orm(self, order):
        come_back(line=line_of(order, self.line), quantity=self.pieces)

    def silent(self, order):
        event = self.rows("Event").bulk_create([self.rows("Event").model(**self.event(order))])[0]
        self.rows("EventQuantity").bulk_create(
            [self.rows("EventQuantity").model(event=event, line=line_of(order, self.line), quantity=self.pieces)]
        )

    def dashboard(self, order):
        line = line_of(order, self.line)
        chosen = {"selected_line": str(line.pk), f"selected_line_qty_{line.pk}": str(self.pieces)}
        kind = f"{self.kind}_event"
        what = {f"{kind}_type": self.event(order)["event_type"].code, "reference": ""}
        return {"line_action": f"create_{kind}", **what, **chosen}

    def rows(self, name):
        return get_model("order", f"{self.kind.title()}{name}").objects

    def event(self, order):
        told = {"code": self.code, "defaults": {"name": self.code.title()}}
        return {"order": order, "event_type": self.rows("EventType").get_or_create(**told)[0], **self.more}


class PaidBack(ComesBack):
    """Pieces of a line are refunded."""

    kind, code, more = "payment", "refunded", {"amount": Decimal("24.00")}

    def orm(self, order):
        paid_back(line=line_of(order, self.line), quantity=self.pieces)


@dataclass
class Undo(Op):
    """The event that says so is deleted."""

    kind: str

    def events(self, order):
        return getattr(order, f"{self.kind}_events")

    def orm(self, order):
        self.events(order).get().delete()

    def silent(self, order):
        quantities = get_model("order", f"{self.kind.title()}EventQuantity").objects
        quantities.filter(event__order=order)._raw_delete("default")
        self.events(order).all()._raw_delete("default")

    def admin(self, client, order):
        event = self.events(order).get()
        url = reverse(f"admin:order_{self.kind}event_delete", args=[event.pk])
        assert client.post(url, {"post": "yes"}).status_code == 302


@dataclass
class Again(Op):
    """The order is written a second time, under another number, by an import that knows nothing of points."""

    number: str

    def copies(self, order):
        fields = {f.attname: getattr(order, f.attname) for f in Order._meta.concrete_fields if not f.primary_key}
        again = Order(**{**fields, "number": self.number, "basket_id": None})
        names = [f.attname for f in Line._meta.concrete_fields if not f.primary_key and f.name != "order"]
        return again, [Line(**{name: getattr(line, name) for name in names}) for line in order.lines.all()]

    def orm(self, order):
        again, lines = self.copies(order)
        again.save()
        for line in lines:
            line.order = again
            line.save()

    def silent(self, order):
        again, lines = self.copies(order)
        again = Order.objects.bulk_create([again])[0]
        for line in lines:
            line.order_id = again.pk
        Line.objects.bulk_create(lines)


class Backup(Op):
    """The order is deleted the first time, and comes back from a backup, with the same keys, the second."""

    def __init__(self):
        self.rows = []

    def orm(self, order):
        self.turn(order, delete=lambda: order.delete(), write=lambda row: row.save(force_insert=True))

    def silent(self, order):
        self.turn(
            order,
            delete=lambda: forget_order(order),
            write=lambda row: type(row)._base_manager.bulk_create([row]),
        )

    def turn(self, order, *, delete, write):
        if order is None:
            for row in self.rows:
                write(row)
            self.rows.clear()
            return
        self.rows += [Order.objects.get(pk=order.pk), *order.lines.all(), *order.status_changes.all()]
        self.rows += [row for line in order.lines.all() for row in line.attributes.all()]
        # Read anew, without each other: what is deleted forgets its key.
        self.rows = [type(row)._base_manager.get(pk=row.pk) for row in self.rows]
        delete()
