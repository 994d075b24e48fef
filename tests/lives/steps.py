"""
What can happen in a life. A step names orders by their labels and lines by their place, so it may be left out of a
life, and one whose order or line is not there does nothing.

Each answers with what became of it, in a word or a number: two lives that differ in one order take the same step only
where both answer alike.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.conf import settings
from django.db import transaction
from oscar.apps.order.exceptions import InvalidShippingEvent, UnableToPlaceOrder
from oscar.core.loading import get_class, get_model

from loyalty_oscar.journeys.models import Occurrence
from loyalty_oscar.journeys.operations import use_word
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations.freezing import end_freeze, freeze
from loyalty_oscar.ledger.operations.merging import merge, unmerge
from loyalty_oscar.people import consents
from loyalty_oscar.people.models import Consent
from loyalty_oscar.people.operations import save_birthday
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import PointWorth, ProductSet
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim, Redemption, UseTerms
from loyalty_oscar.redemption.operations import CannotClaim
from loyalty_oscar.referrals.models import Code
from loyalty_oscar.shop.orders.unreturned import undo_return
from loyalty_oscar.shop.redemption.discount import applied_to
from loyalty_oscar.shop.redemption.rewards.use_rewards import use_reward
from loyalty_oscar.shop.redemption.use_points import Refused, use_points
from loyalty_oscar.shop.referrals.attribution import bind_first
from loyalty_oscar.shop.self_service.guests import keep_order
from loyalty_oscar.shop.storefront.offer_hooks import PointsUnavailable
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.tiers.models import Tier

from . import rows
from .counting import Rule
from .oracle import Tie
from .seen import claim_name
from .shop import PRICES, it_is
from .stage import CENT, LIVE, REFUSED, REWARD, SECOND, Stage

DONE, NOTHING = "done", None
#: What the product answers where something can't be.
REFUSALS = (UnableToPlaceOrder, InvalidShippingEvent, LoyaltyError)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that happens. `order` is the label of the order that it is about, if it is about one."""

    order: str = ""
    #: Whether it makes its order.
    makes: ClassVar[bool] = False

    def do(self, stage: Stage) -> Any:
        """Let it happen; returns what became of it, None where there was nothing to do."""
        raise NotImplementedError

    def __str__(self) -> str:
        told = ((one.name, getattr(self, one.name), one.default) for one in fields(self))
        more = ", ".join(f"{name}={value!r}" for name, value, default in told if value != default)
        return f"{type(self).__name__}({more})"


# Orders come ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Buys(Step):
    """
    Somebody buys in the shop, perhaps with points or a `reward`; None is a guest. Without `pays` the basket is at the
    gateway.
    """

    who: int | None
    goods: tuple[tuple[int, int], ...]
    points: int = 0
    pays: bool = True
    reward: bool = False
    makes: ClassVar[bool] = True

    def do(self, stage: Stage) -> Any:
        if self.order in stage.orders or self.order in stage.baskets:
            return NOTHING
        user = None if self.who is None else stage.user(self.who)
        basket = stage.basket(user, self.goods)
        if basket is None:
            return NOTHING
        stage.baskets[self.order] = basket.pk
        has_reward = False
        if user and self.reward:
            has_reward = self.put_on(stage, basket, user)
            basket = stage.loaded(basket.pk, user)
        aside = self.set_aside(stage, basket, user) if user and self.points else 0
        if not self.pays and user:
            stage.reserve(basket, user)
        stage.loaded(basket.pk, user).freeze()
        if self.pays:
            return pay(stage, self.order, user)
        stage.at_gateway.add(self.order)
        applied = applied_to(basket=stage.loaded(basket.pk, user)) if aside else None
        if applied:
            stage.promised[self.order] = stage.now, applied.points, applied.minor
        if aside:
            stage.oracle.aside[basket.pk] = (user.pk, aside)
        return f"{aside} and a reward" if has_reward else aside

    def put_on(self, stage: Stage, basket: Any, user: Any) -> bool:
        """Put a reward of theirs on the basket, if there is one that can be used; returns whether it lies there."""
        rows = Claim.objects.select_related("reward__program", "member").filter(member__user=user, state="open")
        if (claim := rows.order_by("pk").first()) is None:
            return False
        # A basket that is at the gateway keeps what lies on it.
        at_gateway = [f"basket:{stage.baskets[order]}" for order in stage.at_gateway]
        is_kept = Redemption.objects.filter(claim=claim, slot__in=at_gateway).exists()
        is_gone = stage.start.gift is not None and stage.product(stage.start.gift[0]) is None
        try:
            use_reward(claim=claim, basket=basket, at=stage.now)
        except CannotClaim:
            if not is_kept and not is_gone and not stage.oracle.is_frozen(user.pk, stage.now):
                stage.troubles.append(f"{self.order} could not use a reward that is open")
            return False
        if is_kept:
            stage.troubles.append(f"{self.order} took a reward off a basket that is at the gateway")
        return True

    def set_aside(self, stage: Stage, basket: Any, user: Any) -> int:
        """
        Set aside as many points as may be of those that are asked for; returns how many.

        Whoever sees that they take nothing off takes them back.
        """
        account = Account.objects.filter(member__user=user).select_related("member").first()
        points = min(self.points, account.available if account else 0)
        told = {"account": account, "unit": stage.unit, "basket": basket, "at": stage.now}
        try:
            with transaction.atomic():
                found = use_points(**told, points=points) if points else None
        except Refused:
            return 0
        if found and stage.oracle.is_frozen(user.pk, stage.now):
            stage.troubles.append(f"{self.order} could use points that are frozen")
        if found and applied_to(basket=stage.loaded(basket.pk, user)).minor:
            return found.hold.points
        if found:
            use_points(**told, points=0)
        return 0


@dataclass(frozen=True, kw_only=True)
class Pays(Step):
    """A basket that is at the gateway is paid."""

    def do(self, stage: Stage) -> Any:
        basket = stage.baskets.get(self.order)
        if basket is None or self.order in stage.orders:
            return NOTHING
        found = get_model("basket", "Basket").objects.select_related("owner").get(pk=basket)
        began, points, minor = stage.promised.get(self.order, (None, 0, 0))
        is_promised = points and stage.now < began + timedelta(minutes=conf.GATEWAY_MINUTES)
        try:
            outcome = pay(stage, self.order, found.owner)
        except PointsUnavailable as error:
            if is_promised:
                stage.troubles.append(f"{self.order} was promised {points} points, and refused: {error}")
            raise
        use = Redemption.objects.filter(order_id=stage.orders[self.order], claim=None).first()
        if is_promised and (use is None or (use.points, use.minor) != (points, minor)):
            stage.troubles.append(f"{self.order} was promised {points} points, and has {outcome}")
        return outcome


def pay(stage: Stage, label: str, user: Any) -> Any:
    """Place the order of a basket; returns the points that it used, or that it was refused."""
    basket = stage.loaded(stage.baskets[label], user)
    applied = applied_to(basket=basket)
    promised = (applied.redemption.per_points, applied.redemption.per_minor) if applied and applied.minor else None
    more = {} if user else {"guest_email": f"{label}@example.com"}
    order = stage.place(basket, user, **more)
    stage.orders[label] = order.pk
    stage.at_gateway.discard(label)
    stage.oracle.aside.pop(basket.pk, None)
    stage.oracle.reserved.pop(basket.pk, None)
    if promised:
        stage.oracle.worths[order.pk] = promised
    for line in basket.all_lines():
        stage.sold(order, line.product_id, line.quantity)
    stage.look_at(order)
    outcome = applied.points if promised else DONE
    return (outcome, "rewarded") if took_reward(stage, label, order) else outcome


def took_reward(stage: Stage, label: str, order: Any) -> bool:
    """Tell the oracle of the reward that an order used; whether it did, and that so much came off as must."""
    use = Redemption.objects.filter(order_id=order.pk, claim__isnull=False).first()
    if use is None:
        return False
    held = stage.oracle.claims[claim_name(use.claim.key), order.user_id]
    held.orders.append(order.pk)
    held.is_used = True
    right = worth_of_reward(stage, order)
    off = sum(row.amount for row in order.discounts.filter(offer_name=REWARD))
    if (off, use.minor) != (right, int(right * 100)):
        stage.troubles.append(f"{label} has {off} off for a reward, right is {right}")
    return True


def worth_of_reward(stage: Stage, order: Any) -> Decimal:
    """Return what the reward of this life takes off an order."""
    if stage.start.gift:
        number, pieces = stage.start.gift
        price = Decimal(PRICES[number])
        return pieces * (price + (price / 4).quantize(CENT))
    goods = sum(line.line_price_before_discounts_incl_tax for line in order.lines.all())
    return min(Decimal(stage.start.reward or 0) / 100, goods)


@dataclass(frozen=True, kw_only=True)
class Imports(Step):
    """Rows of an order come from elsewhere, in bulk: no signal tells of them."""

    who: int
    goods: tuple[tuple[int, int], ...]
    days_ago: int = 2
    status: str = "Pending"
    makes: ClassVar[bool] = True

    def do(self, stage: Stage) -> Any:
        if self.order in stage.orders:
            return NOTHING
        goods = [(product, number) for n, number in self.goods if (product := stage.product(n))]
        if not goods:
            return NOTHING
        prices = [(product, number, product.stockrecords.first()) for product, number in goods]
        rows_ = [new_line(product, number, record, self.status) for product, number, record in prices]
        totals = {f"total_{tax}_tax": sum(getattr(row, f"line_price_{tax}_tax") for row in rows_) for tax in TAXES}
        order = get_model("order", "Order")(
            number=f"import-{self.order}", user=stage.user(self.who), site_id=1, currency="EUR", status=self.status,
            date_placed=stage.now - timedelta(days=self.days_ago), **totals,
        )  # fmt: skip
        order = get_model("order", "Order").objects.bulk_create([order])[0]
        for row in rows_:
            row.order = order
        get_model("order", "Line").objects.bulk_create(rows_)
        stage.orders[self.order] = order.pk
        return DONE


TAXES = ("incl", "excl")
MONEY = tuple(f"line_price_{before}{tax}_tax" for before in ("", "before_discounts_") for tax in TAXES)


def new_line(product: Any, quantity: int, record: Any, status: str, order: Any = None) -> Any:
    """Return a line at the price of the shop, unsaved."""
    unit = {"excl": record.price, "incl": record.price + (record.price / 4).quantize(CENT)}
    money = {name: unit["incl" if name.endswith("incl_tax") else "excl"] * quantity for name in MONEY}
    return get_model("order", "Line")(
        order=order, product=product, title=product.title, upc="", partner_name="", partner_sku=record.partner_sku,
        stockrecord=record, quantity=quantity, status=status, num_allocated=0, unit_price_incl_tax=unit["incl"],
        unit_price_excl_tax=unit["excl"], **money,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Keeps(Step):
    """A guest's order is kept by a member."""

    who: int

    def do(self, stage: Stage) -> Any:
        order = stage.order(self.order)
        if order is None:
            return NOTHING
        kept = keep_order(order=order, user=stage.user(self.who), at=stage.now)
        if kept:  # It is counted at once.
            stage.oracle.look({order.pk}, stage.now)
        stage.look_at(order)
        return DONE if kept else REFUSED


# Orders are changed --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Status(Step):
    """
    An order gets a status: as the dashboard does it, by a save, or by an update that tells nobody. What no pipeline of
    ours leads to, a dashboard of the shop's own does, and writes it down as Oscar's does.
    """

    to: str
    how: str = "set"

    def do(self, stage: Stage) -> Any:
        order = stage.order(self.order)
        if order is None or order.status == self.to:
            return NOTHING
        if self.how == "update":
            type(order).objects.filter(pk=order.pk).update(status=self.to)
            return DONE
        if self.how == "set" and (way := way_to(order.status, self.to)):
            for status in way:
                order.set_status(status)
        else:
            if self.how == "set":
                order.status_changes.create(old_status=order.status, new_status=self.to)
            order.status = self.to
            order.save()
        stage.look_at(order)
        return DONE


PIPELINE = ("Pending", "Being processed", "Shipped", "Delivered")


def way_to(status: str, to: str) -> tuple[str, ...]:
    """Return the statuses through which an order gets from one to another; none where the pipeline leads nowhere."""
    if status == "Delivered" or status not in PIPELINE:
        return ()
    if to not in PIPELINE:
        return (to,)
    return PIPELINE[PIPELINE.index(status) + 1 : PIPELINE.index(to) + 1]


@dataclass(frozen=True, kw_only=True)
class ComesBack(Step):
    """Pieces of a line come back, or are paid back."""

    line: int
    pieces: int = 1
    paid: bool = False

    def do(self, stage: Stage) -> Any:
        line = stage.line(self.order, self.line)
        if line is None:
            return NOTHING
        handler = get_class("order.processing", "EventHandler")()
        pieces = min(self.pieces, line.quantity)
        if self.paid:
            kind = get_model("order", "PaymentEventType").objects.get(code="refunded")
            had = sum(one.quantity for one in line.payment_event_quantities.all())
            if had + pieces > line.quantity:
                return REFUSED
            handler.create_payment_event(line.order, kind, Decimal("1.00"), [line], [pieces])
        else:
            kind = get_model("order", "ShippingEventType").objects.get(code="returned")
            handler.create_shipping_event(line.order, kind, [line], [pieces])
        stage.look_at(line.order_id)
        return DONE


@dataclass(frozen=True, kw_only=True)
class Undone(Step):
    """What said that pieces came back is deleted, or undone on the dashboard, which also notes it."""

    number: int = 0
    noted: bool = False

    def do(self, stage: Stage) -> Any:
        order = stage.order(self.order)
        if order is None:
            return NOTHING
        events = [*order.shipping_events.order_by("pk"), *order.payment_events.order_by("pk")]
        if not events:
            return NOTHING
        event = events[self.number % len(events)]
        if self.noted:
            kind = "shipping" if event._meta.model_name == "shippingevent" else "payment"
            undo_return(order=order, kind=kind, event_id=event.pk, staff=stage.user(0), at=stage.now)
            stage.oracle.look({order.pk}, stage.now)  # It is looked at at once.
            if not order.notes.filter(note_type="System").exists():
                stage.troubles.append(f"nothing notes that a return of {self.order} was undone")
        else:
            event.delete()
        stage.look_at(order)
        return DONE


@dataclass(frozen=True, kw_only=True)
class LineStatus(Step):
    """A line is cancelled, or stands again."""

    line: int
    to: str = "Cancelled"

    def do(self, stage: Stage) -> Any:
        line = stage.line(self.order, self.line)
        if line is None or line.status == self.to:
            return NOTHING
        line.status = self.to
        line.save()
        stage.look_at(line.order_id)
        return DONE


@dataclass(frozen=True, kw_only=True)
class Edit(Step):
    """Staff change the lines of an order, in one save. `quietly`: by updates and bulk inserts, which tell nobody."""

    line: int = 0
    quietly: bool = False

    def do(self, stage: Stage) -> Any:
        line = stage.line(self.order, self.line)
        if line is None or self.edit(stage, line) is NOTHING:
            return NOTHING
        if not self.quietly:
            stage.look_at(line.order_id)
        return DONE

    def edit(self, stage: Stage, line: Any) -> Any:
        raise NotImplementedError

    def save(self, line: Any) -> None:
        """Write a line that was changed, or a new one."""
        if not self.quietly:
            line.save()
        elif line.pk is None:
            type(line).objects.bulk_create([line])
        else:
            told = {name: getattr(line, name) for name in (*MONEY, "quantity")}
            type(line).objects.filter(pk=line.pk).update(**told)

    def delete(self, line: Any) -> None:
        """Take a line off its order, with all that hangs on it."""
        if self.quietly:
            type(line).objects.filter(pk=line.pk)._raw_delete("default")
        else:
            line.delete()


def has_events(line: Any) -> bool:
    """Return whether anything said that pieces of a line came back."""
    return line.shipping_event_quantities.exists() or line.payment_event_quantities.exists()


def parted(line: Any, pieces: int) -> dict[str, Decimal]:
    """Return the money of so many pieces of a line."""
    return {name: (getattr(line, name) * pieces / line.quantity).quantize(CENT) for name in MONEY}


def twin(line: Any, **changed: Any) -> Any:
    """Return a new line like another, unsaved."""
    copied = type(line).objects.get(pk=line.pk)
    copied.pk = copied.id = None
    copied._state.adding = True
    for name, value in changed.items():
        setattr(copied, name, value)
    return copied


@dataclass(frozen=True, kw_only=True)
class Splits(Edit):
    """A line becomes two; nothing else changes."""

    pieces: int = 1

    def edit(self, stage: Stage, line: Any) -> Any:
        if line.quantity <= self.pieces or line.product_id is None or has_events(line):
            return NOTHING
        money = parted(line, self.pieces)
        other = twin(line, quantity=self.pieces, **money)
        line.quantity -= self.pieces
        for name, amount in money.items():
            setattr(line, name, getattr(line, name) - amount)
        self.save(line)
        self.save(other)
        return DONE


@dataclass(frozen=True, kw_only=True)
class Merges(Edit):
    """Two lines of one product become one."""

    def edit(self, stage: Stage, line: Any) -> Any:
        others = type(line).objects.filter(order_id=line.order_id, product_id=line.product_id).exclude(pk=line.pk)
        other = others.order_by("pk").first() if line.product_id else None
        if other is None or has_events(other) or other.status != line.status:
            return NOTHING
        line.quantity += other.quantity
        for name in MONEY:
            setattr(line, name, getattr(line, name) + getattr(other, name))
        self.delete(other)
        self.save(line)
        return DONE


@dataclass(frozen=True, kw_only=True)
class Swaps(Edit):
    """A line goes and another product comes, in one save."""

    product: int = 0
    pieces: int = 1

    def edit(self, stage: Stage, line: Any) -> Any:
        product = stage.product(self.product)
        if product is None or has_events(line) or is_on(line.order, product):
            return NOTHING
        self.delete(line)
        return comes_late(stage, self, line.order, product, self.pieces)


@dataclass(frozen=True, kw_only=True)
class EntersAgain(Edit):
    """A line is deleted and entered again as it was."""

    def edit(self, stage: Stage, line: Any) -> Any:
        if line.product_id is None or has_events(line):
            return NOTHING
        again = twin(line)
        self.delete(line)
        self.save(again)
        return DONE


@dataclass(frozen=True, kw_only=True)
class CostsLess(Edit):
    """The price of a line is lowered, as a kindness or a correction."""

    percent: int = 60

    def edit(self, stage: Stage, line: Any) -> Any:
        for name in MONEY:
            setattr(line, name, (getattr(line, name) * self.percent / 100).quantize(CENT))
        self.save(line)
        return DONE


@dataclass(frozen=True, kw_only=True)
class LosesDiscount(Edit):
    """Staff take the discount off a line: it costs what it would have cost without points."""

    def edit(self, stage: Stage, line: Any) -> Any:
        for tax in TAXES:
            setattr(line, f"line_price_{tax}_tax", getattr(line, f"line_price_before_discounts_{tax}_tax"))
        self.save(line)
        return DONE


@dataclass(frozen=True, kw_only=True)
class Counts(Edit):
    """A line gets more pieces or fewer, its price with them or not."""

    change: int = -1
    with_price: bool = True

    def edit(self, stage: Stage, line: Any) -> Any:
        quantity = line.quantity + self.change
        if quantity < 1 or line.product_id is None or has_events(line):
            return NOTHING
        if self.with_price:
            for name, amount in parted(line, quantity).items():
                setattr(line, name, amount)
        line.quantity = quantity
        self.save(line)
        return DONE


@dataclass(frozen=True, kw_only=True)
class Adds(Edit):
    """A line comes late."""

    product: int = 0
    pieces: int = 1

    def edit(self, stage: Stage, line: Any) -> Any:
        product = stage.product(self.product)
        if product is None or is_on(line.order, product):
            return NOTHING
        return comes_late(stage, self, line.order, product, self.pieces)


@dataclass(frozen=True, kw_only=True)
class Takes(Edit):
    """A line is deleted."""

    def edit(self, stage: Stage, line: Any) -> Any:
        self.delete(line)
        return DONE


def is_on(order: Any, product: Any) -> bool:
    """Return whether an order has a line of a product."""
    return order.lines.filter(product=product).exists()


def comes_late(stage: Stage, edit: Edit, order: Any, product: Any, pieces: int) -> Any:
    """Let a line come late; a sale counts it where the order is of today and its basket did not hold the product."""
    line = new_line(product, pieces, product.stockrecords.first(), order.status, order)
    edit.save(line)
    is_history = order.date_placed < stage.now - timedelta(days=1)
    basket = get_model("basket", "Line").objects.filter(basket_id=order.basket_id, product=product)
    if not edit.quietly and not is_history and not basket.exists():
        stage.sold(order, product.pk, pieces)
    return DONE


@dataclass(frozen=True, kw_only=True)
class LosesProduct(Step):
    """A product is deleted from the shop, and with it what is said of it."""

    product: int

    def do(self, stage: Stage) -> Any:
        product = stage.product(self.product)
        # What somebody is paying for goes with their basket line, and no order could be made of it.
        paid_for = get_model("basket", "Line").objects.filter(product=product, basket__status="Frozen")
        if product is None or paid_for.exists():
            return NOTHING
        reviewed = get_model("reviews", "ProductReview").objects.filter(product=product)
        stage.doing.reviewed.update((user, product.pk) for user in reviewed.values_list("user_id", flat=True))
        stage.world_changes()
        product.delete()
        return DONE


@dataclass(frozen=True, kw_only=True)
class Deleted(Step):
    """An order is deleted, as Django admin does it."""

    def do(self, stage: Stage) -> Any:
        order = stage.order(self.order)
        if order is None:
            return NOTHING
        stage.look_at(order)
        order.delete()
        return DONE


@dataclass(frozen=True, kw_only=True)
class Moves(Step):
    """An order is given to another customer."""

    to: int

    def do(self, stage: Stage) -> Any:
        order, user = stage.order(self.order), stage.user(self.to)
        if order is None or order.user_id in (None, user.pk):
            return NOTHING
        order.user = user
        order.save()
        stage.look_at(order)
        return DONE


# People --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Brings(Step):
    """A member brings a friend: the newcomer opens the link and signs in."""

    giver: int
    newcomer: int

    def do(self, stage: Stage) -> Any:
        giver, newcomer = stage.user(self.giver), stage.user(self.newcomer)
        code = Code.objects.filter(member__user=giver, member__program_id=stage.program_id).first()
        if code is None:
            return NOTHING
        tie = bind_first(codes=[(code.code, stage.now)], program=stage.program, user=newcomer, at=stage.now)
        if tie is None:
            return REFUSED
        stage.oracle.ties[newcomer.pk] = Tie(
            giver=giver.pk, newcomer=newcomer.pk, bound_at=stage.now, giver_points=stage.start.friends[0],
            newcomer_points=stage.start.friends[1], least=stage.start.friends[2],
        )  # fmt: skip
        return DONE


@dataclass(frozen=True, kw_only=True)
class SaysWord(Step):
    """Somebody types a code word."""

    who: int
    word: int

    def do(self, stage: Stage) -> Any:
        if self.word >= len(stage.start.words):
            return NOTHING
        user, points = stage.user(self.who), stage.start.words[self.word][0]
        award = use_word(program=stage.program, user_id=user.pk, word=f"word {self.word}", at=stage.now)
        stage.oracle.act(user.pk, f"word:{self.word}", f"word-{self.word}", points)
        return award.points if award else REFUSED


@dataclass(frozen=True, kw_only=True)
class Reviews(Step):
    """Somebody reviews a product; staff show it, hide it or delete it."""

    who: int
    product: int
    to: str = "shown"

    def do(self, stage: Stage) -> Any:
        user, product = stage.user(self.who), stage.product(self.product)
        if product is None:
            return NOTHING
        model = get_model("reviews", "ProductReview")
        review = model.objects.filter(user=user, product=product).first()
        if self.to == "deleted" and review:
            review.delete()
        elif review:
            review.status = model.APPROVED if self.to == "shown" else model.REJECTED
            review.save()
        elif self.to == "shown":
            model.objects.create(user=user, product=product, score=4, title="Good", body="Good.", status=model.APPROVED)
        else:
            return NOTHING
        stage.doing.reviewed.add((user.pk, product.pk))
        return DONE


@dataclass(frozen=True, kw_only=True)
class Allows(Step):
    """Somebody allows letters, and confirms it; or refuses them."""

    who: int
    yes: bool = True

    def do(self, stage: Stage) -> Any:
        user = stage.user(self.who)
        member = stage.member(user.pk)
        if member is None or stage.oracle.campaigns is None:
            return NOTHING
        about: dict[str, Any] = {"purpose": Consent.Purpose.LETTERS, "at": stage.now}
        if self.yes:
            asked = consents.ask(member=member, words="Yes, write to me.", language="en", **about)
            consents.confirm(consent_id=asked.pk, at=stage.now)
        else:
            consents.withdraw(member_id=member.pk, **about)
        stage.oracle.campaigns.allows[user.pk] = self.yes
        return DONE


@dataclass(frozen=True, kw_only=True)
class TellsBirthday(Step):
    """Somebody tells the birthday, once."""

    who: int
    day: int
    month: int

    def do(self, stage: Stage) -> Any:
        user = stage.user(self.who)
        member, told = stage.member(user.pk), stage.oracle.campaigns
        if member is None or told is None or user.pk in told.birthdays:
            return NOTHING
        save_birthday(member=member, day=self.day, month=self.month, at=stage.now)
        told.birthdays[user.pk] = self.day, self.month, stage.now
        return DONE


@dataclass(frozen=True, kw_only=True)
class Freezes(Step):
    """Staff freeze somebody's points, for some days or until they end it."""

    who: int
    earns: bool = True
    days: int | None = None

    def do(self, stage: Stage) -> Any:
        user = stage.user(self.who)
        member = stage.member(user.pk)
        if member is None:
            return NOTHING
        until = stage.now + timedelta(days=self.days) if self.days else None
        freeze(member=member, until=until, earns=self.earns, reason="To look", actor="system", at=stage.now)
        stage.oracle.freeze(user.pk, stage.now, until=until, earns=self.earns)
        return DONE


@dataclass(frozen=True, kw_only=True)
class Thaws(Step):
    """Staff let somebody use their points again."""

    who: int

    def do(self, stage: Stage) -> Any:
        user = stage.user(self.who)
        member = stage.member(user.pk)
        if member is None:
            return NOTHING
        was, ended = stage.oracle.is_frozen(user.pk, stage.now), end_freeze(member=member, actor="system", at=stage.now)
        if was != ended:
            stage.troubles.append(f"person {self.who} was {'' if was else 'not '}frozen")
        stage.oracle.thaw(user.pk, stage.now)
        return DONE if ended else REFUSED


@dataclass(frozen=True, kw_only=True)
class MergesByMistake(Step):
    """
    Staff merge somebody into another member, see that they are two people, and undo it: everything is as before. What
    the two reached together alone planned gifts, of which it is said that they were withdrawn.
    """

    who: int
    into: int

    def do(self, stage: Stage) -> Any:
        member, into = (stage.member(stage.user(number).pk) for number in (self.who, self.into))
        if member is None or into is None or member == into:
            return NOTHING
        known = list(Occurrence.objects.values_list("pk", flat=True))
        merged = merge(member=member, into=into, actor="system", at=stage.now)
        unmerge(merge=merged, actor="system", at=stage.now)
        for row in Occurrence.objects.exclude(pk__in=known).filter(member=into).select_related("campaign"):
            told = {"source": row.source, "due_at": row.due_at, "at": stage.now}
            stage.oracle.campaigns.reached_together(row.campaign.code, member=into.user_id, **told)
        return DONE


# The merchant --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Sets(Step):
    """The merchant changes how the program counts from now on."""

    rounding: str | None = None
    rounding_stage: str | None = None
    earning_base: str | None = None
    hold_days: int | None = None
    excluded: str | None = None

    def do(self, stage: Stage) -> Any:
        program, now = stage.program, stage.oracle.settings
        stage.world_changes()
        for name in ("rounding", "rounding_stage", "earning_base", "hold_days"):
            if (value := getattr(self, name)) is not None:
                setattr(program, name, value)
        if self.excluded is not None:
            program.excluded_set = ProductSet.objects.get(code=self.excluded) if self.excluded else None
            now.excluded = self.excluded or None
        program.save()
        now.rounding, now.stage = program.rounding, program.rounding_stage
        now.base, now.hold_days = program.earning_base, program.hold_days
        return DONE


@dataclass(frozen=True, kw_only=True)
class Says(Step):
    """The merchant changes a rule from now on."""

    rule: Rule

    def do(self, stage: Stage) -> Any:
        stage.rule(self.rule, stage.now)
        return DONE


@dataclass(frozen=True, kw_only=True)
class Fills(Step):
    """The merchant puts other products into a range, or none."""

    set: str
    products: tuple[int, ...] = ()

    def do(self, stage: Stage) -> Any:
        if self.set == "sale" and stage.at_gateway:
            return NOTHING  # A piece that is no longer wanted goes back in a quarter of an hour, and not at the order.
        stage.fill(self.set, self.products)
        return DONE


@dataclass(frozen=True, kw_only=True)
class LevelBrings(Step):
    """A level brings more or fewer points from now on."""

    rank: int
    percent: int

    def do(self, stage: Stage) -> Any:
        tier = Tier.objects.filter(rank=self.rank).first()
        if tier is None:
            return NOTHING
        stage.world_changes()
        tier.percent = self.percent
        tier.save()
        forget_cache()
        stage.oracle.settings.percents[self.rank] = self.percent
        return DONE


@dataclass(frozen=True, kw_only=True)
class Worth(Step):
    """Points buy more or less from now on."""

    points: int
    minor: int

    def do(self, stage: Stage) -> Any:
        worth = PointWorth.objects.get(program_id=stage.program_id)
        worth.points, worth.minor = self.points, self.minor
        worth.save()
        return DONE


@dataclass(frozen=True, kw_only=True)
class Limits(Step):
    """The merchant changes what points may pay for."""

    share: int = 100
    minimum: int = 1
    step: int = 1
    excluded: str | None = None

    def do(self, stage: Stage) -> Any:
        terms = UseTerms.objects.filter(program_id=stage.program_id).first()
        if terms is None:
            return NOTHING
        terms.share, terms.minimum, terms.step = self.share, self.minimum, self.step
        terms.save()
        terms.excluded_sets.set(ProductSet.objects.filter(code=self.excluded))
        forget_cache()
        return DONE


# Time ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Waits(Step):
    """Time passes."""

    hours: int

    def do(self, stage: Stage) -> Any:
        if stage.at_gateway:
            return NOTHING  # A gateway does not wait so long.
        stage.now += timedelta(hours=self.hours)
        return DONE


@dataclass(frozen=True, kw_only=True)
class Job(Step):
    """A job of the suite runs."""

    name: str

    def do(self, stage: Stage) -> Any:
        oracle, at = stage.oracle, stage.now + SECOND
        with it_is(at):
            for ran in jobs.run(only=self.name, at=at):
                if ran.error:
                    stage.troubles.append(f"job {self.name}: {ran.error}")
        if self.name == "mature":
            oracle.made_ready(at)
        elif self.name == "tiers":
            oracle.settle(stage.people, at)
        elif self.name == "campaigns":
            oracle.night_of_campaigns(at, zone=settings.TIME_ZONE)
        elif self.name == "reviews":
            stage.doing.reviewed.update((pk, None) for pk in stage.people)
        elif self.name in ("sweep", "nightly"):
            new = [pk for pk in rows.all_since(LIVE) if pk not in oracle.orders]
            asked = [*oracle.unsettled(), *oracle.forget_short()] if self.name == "nightly" else []
            stage.look_at(*new, *asked)
        return DONE
