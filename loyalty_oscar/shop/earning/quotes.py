"""What a product, a basket or an order that nobody counted yet would bring: the same decision, made for showing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.earning.allowances import shown_within
from loyalty_oscar.earning.awarding import FROZEN, decided_of, earned_at, on_base
from loyalty_oscar.earning.bounds import decided_within
from loyalty_oscar.earning.decision import Decision, counts_delivery, decide, frozen
from loyalty_oscar.earning.known import had_first, with_levels_of
from loyalty_oscar.earning.left import LineLeft, left_of
from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.queries import book_of, facts_wanted, terms_of
from loyalty_oscar.earning.rules import PerOrder, RuleInForce
from loyalty_oscar.kernel.facts import LineFacts, OrderFacts, Purchase
from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.freezing import without_points
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.money import to_minor
from loyalty_oscar.program.queries import begun_units
from loyalty_oscar.program.registries import order_facts

from ..notices.letters import SiteRequest
from ..orders.buyers import visitor_has_bought
from ..orders.facts import delivery_priced, gather_basket, gather_orders
from ..orders.product_sets import sets_shown, ties
from ..storefront.promised import PromisedPart, in_all, parts_coming, parts_that_came
from ..storefront.shown_total import delivery_charge
from ..storefront.visit import Visit


@dataclass(frozen=True, kw_only=True, slots=True)
class EarningQuote:
    """
    What would be earned: from the least to the most, which differ for a product with variants; and beside it what a
    first order brings more, whichever is chosen, where the next order may be the visitor's first.
    """

    least: Decision
    most: Decision
    of_first_order: int

    @property
    def is_range(self) -> bool:
        """Whether the answer depends on a choice that is still open."""
        return self.least.points != self.most.points


class Quoter:
    """
    Tells what purchases would bring in one program at a moment, by the rules of the version that the unit comes with.

    Told the visit, it counts what the rest of the house says of the visitor, such as the level.
    """

    def __init__(self, *, unit: Unit, at: datetime, visit: Visit | None = None) -> None:
        book = book_of(unit=unit)
        self.unit, self.at = unit, at
        self.terms = terms_of(program=unit.program)
        account = visit.account if visit else None
        self.rules = shown_within(
            rules=book.at(unit_id=unit.pk, moment=at),
            account_id=account and account.pk,
            at=at,
            zone=self.terms.zone,
        )
        excluded = {self.terms.excluded_set} - {None}
        self.codes = frozenset(book.sets() | excluded)
        self.facts = visit.facts(names=facts_wanted(rules=self.rules), at=at) if visit else {}
        self.visit = visit

    def decide(self, purchase: Purchase, *, is_piece: bool = False) -> Decision:
        """Return what a purchase brings; of a piece alone without what an order brings once, whatever is in it."""
        if self.visit and _is_shut(self.visit, self.at):
            return frozen(purchase=purchase, is_now=True)
        once = [rule for rule in self.rules if is_piece and isinstance(rule.rule, PerOrder)]
        counted = [rule for rule in self.rules if rule not in once]
        purchase = replace(purchase, facts=self.facts) if self.facts else purchase
        bought = on_base(purchase=purchase, base=self.unit.program.earning_base)
        return decided_within(
            decide=lambda rules: decide(purchase=bought, rules=rules, terms=self.terms), rules=counted
        )[0]

    def in_sets(self, purchase: Purchase) -> Purchase:
        """Return the purchase with the product sets of its lines filled in."""
        if not self.codes:
            return purchase
        sets = sets_shown(product_ids={line.product_id for line in purchase.lines}, codes=self.codes)
        lines = tuple(replace(line, sets=sets[line.product_id]) for line in purchase.lines)
        return replace(purchase, lines=lines, known_sets=frozenset(ties()))

    def know_sets(self, *, products: Iterable[Any]) -> None:
        """Find out at once in which product sets these are, so that it need not be asked for each."""
        if self.codes:
            sets_shown(product_ids={product.pk for product in products}, codes=self.codes)

    def is_first_order(self) -> bool | None:
        """
        Return whether the visitor's next order is their first, where a rule in force asks for that; None for guests, of
        whom nobody knows. One query a visit, one more where somebody earned and no order is there.
        """
        if not any(rule.rule.stage == "bonus" and not isinstance(rule.rule, PerOrder) for rule in self.rules):
            return False
        user = self.visit.user if self.visit else None
        if user is None or not user.is_authenticated:
            return None
        return not visitor_has_bought(visit=self.visit) and not had_first(account=self.visit.account, rules=self.rules)

    def more_at_first(self, purchase: Purchase, *, is_piece: bool = False) -> int:
        """Return how much more a purchase brings as somebody's first order."""
        first = self.decide(replace(purchase, is_first=True), is_piece=is_piece)
        return first.points - self.decide(purchase, is_piece=is_piece).points


def _is_shut(visit: Visit, at: datetime) -> bool:
    """Return whether an order of this visitor brings nothing; asked for members who were ever frozen, once a visit."""
    member = visit.member
    if member is None or member.frozen_since is None:
        return False
    return bool(visit.once(key=("shut", at), load=lambda: without_points(placed=[(member, "", at)])))


def of_product(*, product: Any, strategy: Any, teller: Quoter) -> EarningQuote | None:
    """
    Return what one piece of a product would bring, or None where it cannot be bought or brings nothing.

    Call it before the page asks for prices: it loads the stock records onto the product, where Oscar's
    strategies find them, so the page asks the database less often than without us.
    """
    told = [
        _bought(product=choice, info=strategy.fetch_for_product(choice), teller=teller) for choice in _choices(product)
    ]
    pieces = [piece for piece in told if piece is not None]
    decisions = sorted((teller.decide(piece, is_piece=True) for piece in pieces), key=lambda decision: decision.points)
    if not any(decision.points for decision in decisions):
        return None
    more = [] if teller.is_first_order() is False else [teller.more_at_first(piece, is_piece=True) for piece in pieces]
    return EarningQuote(least=decisions[0], most=decisions[-1], of_first_order=min(more, default=0))


def of_piece(*, product: Any, info: Any, teller: Quoter) -> Decision | None:
    """Return what one piece would bring at what the strategy tells of it (`info`); None where it cannot be bought."""
    piece = _bought(product=product, info=info, teller=teller)
    return teller.decide(piece, is_piece=True) if piece else None


def _bought(*, product: Any, info: Any, teller: Quoter) -> Purchase | None:
    """Return the purchase of one piece; None where it cannot be bought."""
    if not (info.price.exists and info.availability.is_available_to_buy):
        return None
    purchase = Purchase(currency=info.price.currency, placed_at=teller.at, lines=(_piece(product, info.price),))
    return teller.in_sets(purchase)


def _choices(product: Any) -> list[Any]:
    if not product.is_parent:
        prefetch_related_objects([product], "stockrecords")
        return [product]
    public = get_model("catalogue", "Product").objects.public().prefetch_related("stockrecords")
    # The name under which Oscar's own `prefetch_public_children` leaves them.
    prefetch_related_objects([product], Prefetch("children", public, to_attr="_prefetched_public_children"))
    return list(product.get_public_children())


def _piece(product: Any, price: Any) -> LineFacts:
    shown = price.incl_tax if price.is_tax_known else price.excl_tax
    return LineFacts(
        line_id=product.pk,
        product_id=product.pk,
        quantity=1,
        paid_minor=to_minor(amount=shown, currency=price.currency),
        paid_excl_minor=to_minor(amount=price.excl_tax, currency=price.currency),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PurchaseQuote:
    """What a purchase would bring: what it earns, and the parts that come beside that."""

    decision: Decision
    parts: Sequence[PromisedPart]


def of_basket(*, basket: Any, request: Any, teller: Quoter) -> PurchaseQuote:
    """
    Return what a basket would bring this visitor if it were ordered now: what an order earns, and what features add.

    Whether it is a guest's first order nobody knows yet, so what that brings is a part of its own. One query where a
    rule asks for the first order, and those that features need.
    """
    is_first = teller.is_first_order()
    purchase = teller.in_sets(gather_basket(basket=basket, set_codes=(), at=teller.at, is_first=bool(is_first)))
    if any(counts_delivery(rule) for rule in teller.rules):
        charge = delivery_charge(basket=basket, request=request)
        purchase = replace(purchase, delivery=delivery_priced(charge=charge))
    decision = teller.decide(purchase)
    parts = parts_coming(purchase=purchase, visit=request.loyalty, at=teller.at)
    if is_first is None:
        parts = [*of_a_first_order(unit=teller.unit, points=teller.more_at_first(purchase)), *parts]
    return PurchaseQuote(decision=decision, parts=parts)


def of_a_first_order(*, unit: Unit, points: int) -> list[PromisedPart]:
    """Return the part that says what a first order brings more; none where it brings nothing."""
    text = pgettext("loyalty", "Plus %(points)s for a first order")
    told = {"points": words.points(unit=unit, points=points)}
    return [PromisedPart(points=points, text=text % told, is_sure=False)] if points else []


def parts_of_order(*, order: Any, quote: ExpectedAward | None, visit: Visit, at: datetime) -> list[PromisedPart]:
    """Return what an order brings beside what it earns: as it came; where nobody counted it (`quote`), as it will."""
    if quote is not None:
        return parts_coming(purchase=quote.purchase, visit=visit, at=at)
    return parts_that_came(order=order, visit=visit, at=at)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedAward:
    """
    What an order is about to bring: the decision about its `purchase`, the points that are left of it, and days after
    delivery.
    """

    purchase: Purchase
    decision: Decision
    points: int
    hold_days: int


def of_order(*, order: Any, visit: Visit, at: datetime) -> ExpectedAward | None:
    """
    Return what an order of this visitor, or of a guest, is about to bring.

    Nobody counted it yet; it is counted under all that was true when it was placed, and so is this. None for one that
    brings nothing in the program that serves this visit.
    """
    unit = _begun(visit.unit)
    if unit is None:
        return None
    book, excluded = book_of(unit=unit), unit.program.excluded_set
    codes = book.sets() | ({excluded.code} if excluded else set())
    facts = next(iter(gather_orders(order_ids=[order.pk], set_codes=codes, at=at)), None)
    if facts is None or facts.dead or facts.unit_id != unit.pk:
        return None
    if not earned_at(program=unit.program, at=facts.placed_at):
        return None
    rules = book.at(unit_id=unit.pk, moment=facts.placed_at)
    shut = {FROZEN: True} if facts.user_id is not None and _is_shut(visit, facts.placed_at) else {}
    account = visit.account if facts.user_id is not None else None
    is_first = facts.purchase.is_first and not had_first(account=account, rules=rules)
    known = {"first": is_first, "facts": with_levels_of(facts=_told(facts, rules, visit), then=facts.then)}
    terms = {**facts.terms, **shut, **known}
    within = shown_within(rules=rules, account_id=account and account.pk, at=facts.placed_at, zone=facts.terms["zone"])
    decision = decided_of(purchase=facts.purchase, terms=terms, rules=within)[0]
    points, days = _left(decision, facts), facts.terms["hold_days"]
    return ExpectedAward(purchase=facts.purchase, decision=decision, points=points, hold_days=days)


def _told(order: OrderFacts, rules: Sequence[RuleInForce], visit: Visit) -> dict[str, Any]:
    """Return what decides about an order: what is said of its customer, where it has one, and of the order itself."""
    names = facts_wanted(rules=rules)
    found = visit.facts(names=set(names) - set(order_facts), at=order.placed_at) if order.user_id is not None else {}
    for name in set(names) & set(order_facts):
        said = order_facts.get(name).of_orders(order_ids=[order.order_id]).get(order.order_id)
        found |= {name: said} if said is not None else {}
    return found


def _begun(unit: Unit | None) -> Unit | None:
    """Return a unit as those who count orders know it, or None where its program never went live."""
    return next((one for one in begun_units() if unit and one.pk == unit.pk), None)


def _left(decision: Decision, order: OrderFacts) -> int:
    gone = order.purchase.gone()
    lines = [
        LineLeft(
            line_id=line.line_id,
            quantity=line.quantity,
            points=line.points,
            paid_minor=line.paid_minor,
            gone=gone[line.line_id],
        )
        for line in decision.lines
    ]
    return left_of(lines=lines, bonuses=[bonus.to_json() for bonus in decision.bonuses])


def visit_for_mail(*, order: Any) -> Visit:
    """Return the visit of whoever an order belongs to, on its site: mails about it leave where nobody visits."""
    return Visit(SiteRequest(site=order.site) if order.site_id else None, order.user, using=write_db())


def beside_in_mail(
    *, order: Any, award: Award | None, quote: ExpectedAward | None, visit: Visit, at: datetime
) -> list[str]:
    """
    Return what an order brings beside what it earns (`award`, or `quote` before that is) as lines for a mail about it:
    each part that is sure, and all of it. None for who is not whose it was.
    """
    parts = [part for part in parts_of_order(order=order, quote=quote, visit=visit, at=at) if part.is_sure]
    if not parts or (award is not None and (visit.account is None or visit.account.pk != award.account_id)):
        return []
    points = award.given if award else quote.points if quote else 0
    told = in_all(unit=visit.unit, points=points, parts=parts) if visit.unit else {}
    return [*(part.text for part in parts), *([told["all"]["text"]] if "all" in told else [])]
