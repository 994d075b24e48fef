"""
One life while it is lived: its moment, its program, what was told to the oracle, and the shop's own moves.

Nothing here knows what is right. What is done to an order is done as staff, an import or a checkout do it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import zip_longest
from types import SimpleNamespace
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from oscar.core.loading import get_class, get_model

from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.exclusives.operations import reserve
from loyalty_oscar.journeys.models import Campaign, CampaignText
from loyalty_oscar.journeys.models import Goal as GoalRow
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.program.models import Member, PointWorth, ProductSet, Program, Reward, Unit
from loyalty_oscar.program.operations import change_state, give, join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim, UseTerms
from loyalty_oscar.referrals.models import Scheme
from loyalty_oscar.referrals.operations import code_of
from loyalty_oscar.tiers.models import Ladder, Tier

from . import rows
from .campaigns import Campaign as Told
from .campaigns import Campaigns
from .counting import Rule
from .goals import Goal
from .ladder import Levels
from .oracle import Held, Oracle
from .shop import Shop, Taxed, after_commit, it_is

LIVE = datetime(2025, 1, 1, tzinfo=UTC)
ZONE, SALT = "Europe/Berlin", "lives"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
CENT = Decimal("0.01")
REFUSED = "refused"
REWARD = "A reward"


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a life begins with."""

    at: datetime = datetime(2026, 2, 2, 10, tzinfo=UTC)
    people: int = 2
    program: dict[str, Any] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    sets: dict[str, tuple[int, ...]] = field(default_factory=dict)
    excluded: str | None = None
    worth: tuple[int, int] = (100, 100)
    limits: dict[str, Any] | None = field(default_factory=dict)
    levels: Levels | None = None
    percents: tuple[int, ...] = ()
    gifts: tuple[int, ...] = ()
    friends: tuple[int, int, int] | None = None
    sale: tuple[int | None, int | None] | None = None
    words: tuple[tuple[int, int | None], ...] = ()
    review: tuple[int, int | None] | None = None
    gifted: tuple[int, ...] = ()
    #: Money off that members have as a reward (cents), and how often each of them; or a gift in its place: of which
    #: product how many pieces.
    reward: int | None = None
    rewarded: tuple[int, ...] = ()
    gift: tuple[int, int] | None = None
    counts_from: str = ""
    goal: Goal | None = None
    #: With any, everybody is a member from the start.
    campaigns: tuple[Told, ...] = ()


@dataclass
class Doing:
    """What a step has found so far, for the look that follows it."""

    touched: set[int] = field(default_factory=set)
    #: Whose review of which product; of every product where none is named.
    reviewed: set[tuple[int, int | None]] = field(default_factory=set)


class Stage:
    """Everything that steps may read and change. A copy of its `notes` is a copy of the life so far."""

    def __init__(self, shop: Shop, start: Start) -> None:
        self.shop, self.start, self.now = shop, start, start.at
        self.orders: dict[str, int] = {}
        self.at_gateway: set[str] = set()
        self.baskets: dict[str, int] = {}
        #: order -> when its payment began, the points and the cents that it was promised
        self.promised: dict[str, tuple[datetime, int, int]] = {}
        self.people = shop.users[: start.people]
        self.oracle = Oracle(set_ranges=dict(shop.ranges), zone=ZONE)
        self.doing = Doing()
        self.troubles: list[str] = []
        with it_is(start.at):
            self._open()
            after_commit()

    # Forking ---------------------------------------------------------------------------------------------------------

    def notes(self) -> dict[str, Any]:
        """Return a copy of what this life remembers."""
        names = ("now", "orders", "baskets", "at_gateway", "promised", "oracle", "program_id", "unit_id", "sale_id")
        return copy.deepcopy({name: getattr(self, name) for name in names})

    def go_back(self, notes: dict[str, Any]) -> None:
        """Remember what was noted; the database is rolled back by the caller."""
        self.__dict__.update(copy.deepcopy(notes))
        self.doing = Doing()
        forget_cache()

    def under_way(self) -> tuple[Any, ...]:
        """Return a copy of what is under way to being bought."""
        return dict(self.baskets), set(self.at_gateway), dict(self.oracle.aside), dict(self.oracle.reserved)

    def go_back_to(self, before: tuple[Any, ...]) -> None:
        """Take back what a step began that was refused in the end."""
        self.baskets, self.at_gateway, self.oracle.aside, self.oracle.reserved = before

    # The beginning -------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        start = self.start
        excluded = ProductSet.objects.get(code=start.excluded) if start.excluded else None
        program = Program.objects.create(
            code="club", name="Paw Club", currency="EUR", is_default=True, time_zone=ZONE, excluded_set=excluded,
            salt=SALT, **start.program,
        )  # fmt: skip
        unit = Unit.objects.create(program=program, names={"en": {"one": "paw", "other": "paws"}})
        self.program_id, self.unit_id, self.sale_id = program.pk, unit.pk, None
        PointWorth.objects.create(program=program, currency="EUR", points=start.worth[0], minor=start.worth[1])
        change_state(program=program, to="live", actor="system", at=LIVE)
        held = get_model("offer", "RangeProduct")
        held.objects.bulk_create(
            held(range_id=self.shop.ranges[code], product_id=self.shop.products[number])
            for code, products in start.sets.items()
            for number in products
        )
        for rule in start.rules:
            self.rule(rule, LIVE)
        if start.limits is not None:
            UseTerms.objects.create(program=program, **start.limits)
        self._terms(excluded=start.excluded)
        self._ladder(program)
        if start.friends:
            giver, newcomer, least = start.friends
            Scheme.objects.create(
                program=program, giver_points=giver, newcomer_points=newcomer, least_minor=least, per_month=100
            )
        self._sale(program)
        self._campaigns(program)
        reward = self._reward(program)
        keys = {told.code: self._campaign(program, told, reward) for told in start.campaigns}
        people = (
            zip_longest(self.people, start.gifted, fillvalue=0)
            if keys
            else zip(self.people, start.gifted, strict=False)
        )
        for user_id, points in people:
            self._give(user_id, points)
        self._rewarded(program, reward)
        self._goal(program, reward)
        if keys:
            self._tell_of_campaigns(keys)

    def _terms(self, **more: Any) -> None:
        now, given = self.oracle.settings, {**self.start.program, **more}
        now.rounding = given.get("rounding", "floor")
        now.stage, now.base = given.get("rounding_stage", "order"), given.get("earning_base", "as-shown")
        now.hold_days, now.excluded = given.get("hold_days", 14), given.get("excluded")

    def _ladder(self, program: Program) -> None:
        start, levels = self.start, self.start.levels
        if levels is None:
            return
        ladder = Ladder.objects.create(program=program, metric=levels.metric, window=levels.window)
        for rank, threshold in enumerate(levels.thresholds, start=1):
            Tier.objects.create(
                ladder=ladder, rank=rank, code=f"level-{rank}", name=f"Level {rank}", threshold=threshold,
                percent=start.percents[rank - 1], points=start.gifts[rank - 1],
            )  # fmt: skip
        self.oracle.levels, self.oracle.gifts, self.oracle.counts_from = levels, start.gifts, start.counts_from
        self.oracle.settings.percents = dict(enumerate(start.percents, start=1))

    def _sale(self, program: Program) -> None:
        if self.start.sale is None:
            return
        quota, per_member = self.start.sale
        sale = Sale.objects.create(
            program=program, code="sale", name="Sale", is_on=True, quota=quota, per_member=per_member,
            product_set=ProductSet.objects.get(code="sale"), public_from=LIVE,
        )  # fmt: skip
        self.sale_id, self.oracle.quota = sale.pk, quota

    def _campaigns(self, program: Program) -> None:
        for number, (points, budget) in enumerate(self.start.words):
            code = f"word-{number}"
            Campaign.objects.create(
                program=program, code=code, name=code, occasion="word", word=code.replace("-", ""), points=points,
                budget=budget,
            )  # fmt: skip
            self.oracle.budgets[code] = [budget, 0]
        if self.start.review:
            points, budget = self.start.review
            Campaign.objects.create(
                program=program, code="review", name="review", occasion="review", points=points, budget=budget
            )
            self.oracle.review_points, self.oracle.budgets["review"] = points, [budget, 0]

    def _campaign(self, program: Program, told: Told, reward: Reward | None) -> int:
        """A campaign, with what it says, if anything; returns its key."""
        campaign = Campaign.objects.create(
            program=program, code=told.code, name=told.code, occasion=told.occasion, params=told.params,
            points=told.points, reward=reward if told.is_reward else None, is_public=told.is_public, rank=told.rank,
            delay_days=told.delay, rest_days=told.rest, most=told.most, budget=told.budget, least_orders=0,
        )  # fmt: skip
        if told.says:
            CampaignText.objects.create(campaign=campaign, language="en", subject="Hello", body="{gift}")
        return campaign.pk

    def _tell_of_campaigns(self, keys: dict[str, int]) -> None:
        rows = Member.objects.filter(program_id=self.program_id)
        members = {user_id: pk for pk, user_id in rows.order_by("pk").values_list("pk", "user_id")}
        goal = GoalRow.objects.values_list("pk", flat=True).first()
        told = {"campaigns": self.start.campaigns, "keys": keys, "members": members, "salt": SALT, "zone": ZONE}
        self.oracle.campaigns = Campaigns(**told, goal=goal)
        for user_id in members:
            self.oracle.campaigns.joined(user_id, LIVE + timedelta(hours=user_id))

    def _goal(self, program: Program, reward: Reward | None) -> None:
        """Orders may reach something together, for points or for the reward."""
        goal = self.start.goal
        if goal is None:
            return
        GoalRow.objects.create(
            program=program, code="card", name="Card", metric=goal.metric, target=goal.target, repeats=goal.repeats,
            params={"sets": list(goal.sets)} if goal.sets else {}, window_days=goal.window, points=goal.points,
            reward=None if goal.points else reward, starts_at=LIVE,
        )  # fmt: skip
        self.oracle.goal = goal

    def _reward(self, program: Program) -> Reward | None:
        if self.start.reward is None:
            return None
        kind, params = "off", {"amount": self.start.reward}
        if self.start.gift:
            number, pieces = self.start.gift
            kind, params = "product", {"products": [self.shop.products[number]], "pieces": pieces}
        return Reward.objects.create(program=program, code="reward", name=REWARD, kind=kind, params=params)

    def _rewarded(self, program: Program, reward: Reward | None) -> None:
        """Members have a reward, so often."""
        for user_id, times in zip(self.people, self.start.rewarded, strict=False) if reward else ():
            member = join(program=program, user_id=user_id, at=LIVE + timedelta(hours=user_id))
            for number in range(times):
                promise, because = Promise(reward_id=reward.pk), Because("goodwill")
                give(member_id=member.pk, promise=promise, key=f"reward:{number}", because=because, at=LIVE)
        self.oracle.claims = {claim: Held() for claim in Claim.objects.values_list("key", "member__user_id")}

    def _give(self, user_id: int, points: int) -> None:
        """Somebody is a member from the start, and may have points."""
        member = join(program=self.program, user_id=user_id, at=LIVE + timedelta(hours=user_id))
        account = ledger.open_account(member=member, unit=self.unit)
        code_of(member=member)
        if points:
            grant = ledger.LotGrant(
                account_id=account.pk, points=points, key=f"start:{user_id}", source="start", kind="adjust",
                because=Because("goodwill"), available_at=LIVE,
            )  # fmt: skip
            ledger.post(grant=grant, at=LIVE)
            self.oracle.given[user_id] += points

    # What steps ask ------------------------------------------------------------------------------------------------

    @property
    def program(self) -> Program:
        return Program.objects.get(pk=self.program_id)

    @property
    def unit(self) -> Unit:
        return Unit.objects.select_related("program").get(pk=self.unit_id)

    def user(self, who: int) -> Any:
        return get_user_model().objects.get(pk=self.people[who % len(self.people)])

    def member(self, user_id: int) -> Member | None:
        return Member.objects.filter(program_id=self.program_id, user_id=user_id).first()

    def product(self, number: int) -> Any:
        """Return a product, or None where it was deleted."""
        return get_model("catalogue", "Product").objects.filter(pk=self.shop.products[number]).first()

    def order(self, label: str) -> Any:
        """Return an order of this life, or None where there is none by that name (any more)."""
        return get_model("order", "Order").objects.filter(pk=self.orders.get(label)).first()

    def line(self, label: str, number: int) -> Any:
        """Return a line of an order, counted from its first, or None."""
        found = list(get_model("order", "Line").objects.filter(order_id=self.orders.get(label, 0)).order_by("pk"))
        return found[number % len(found)] if found else None

    def look_at(self, *orders: Any) -> None:
        """Something tells the product that these orders changed."""
        self.doing.touched.update(order if isinstance(order, int) else order.pk for order in orders)

    # What steps do -------------------------------------------------------------------------------------------------

    def fill(self, code: str, products: Iterable[int]) -> None:
        """Let a set hold these products and no others."""
        held = get_model("offer", "RangeProduct").objects.filter(range_id=self.shop.ranges[code])
        if products or held.exists():
            self.world_changes()
        held.delete()
        range_ = get_model("offer", "Range").objects.get(pk=self.shop.ranges[code])
        for number in products:
            if product := self.product(number):
                range_.add_product(product)

    def rule(self, rule: Rule, at: datetime) -> None:
        """Let a rule say something from a moment on."""
        narrowed = []
        if rule.sets:
            narrowed.append({"code": "product-set", "params": {"sets": list(rule.sets), "outside": rule.outside}})
        if rule.minimum:
            narrowed.append({"code": "minimum-spend", "params": {"currency": "EUR", "minimum_minor": rule.minimum}})
        if rule.rank:
            narrowed.append({"code": "tier", "params": {"rank": rule.rank}})
        if rule.budget is not None:
            narrowed.append({"code": "budget", "params": {"points": rule.budget}})
        for period, points in rule.caps:
            narrowed.append({"code": f"cap-per-{period or 'member'}", "params": {"points": points}})
        params = {**rule.params, "currency": "EUR"} if rule.type == "per-amount" else rule.params
        save_rule(
            unit=self.unit, code=rule.code, name=rule.code, type=rule.type, params=params, narrowed=narrowed,
            is_on=rule.is_on, actor="system", at=at,
        )  # fmt: skip
        self.oracle.say(replace(rule, since=at))

    def basket(self, user: Any, goods: Iterable[tuple[int, int]]) -> Any:
        """Return a basket that holds these things, as the page loads it; None where they are gone from the shop."""
        basket = get_model("basket", "Basket").objects.create(owner=user)
        lines = []
        for number, quantity in goods:
            product = self.product(number)
            if product is None:
                continue
            record = product.stockrecords.first()
            lines.append(
                get_model("basket", "Line")(
                    basket=basket, product=product, stockrecord=record, quantity=quantity,
                    line_reference=f"{product.pk}_{record.pk}", price_currency="EUR", price_excl_tax=record.price,
                    date_created=self.now, date_updated=self.now,
                )
            )  # fmt: skip
        if not lines:
            return None
        get_model("basket", "Line").objects.bulk_create(lines)
        return self.loaded(basket.pk, user)

    def loaded(self, pk: int, user: Any) -> Any:
        """Return a basket as a new request loads it, offers applied."""
        basket = get_model("basket", "Basket").objects.get(pk=pk)
        basket.strategy = Taxed()
        get_class("offer.applicator", "Applicator")().apply(basket, user, SimpleNamespace(user=user))
        return basket

    def place(self, basket: Any, user: Any, **more: Any) -> Any:
        """Place the order of a basket, as the last step of Oscar's checkout does."""
        method = get_class("shipping.methods", "Free")()
        charge = method.calculate(basket)
        total = get_class("checkout.calculators", "OrderTotalCalculator")().calculate(basket, charge)
        with transaction.atomic():
            order = get_class("order.utils", "OrderCreator")().place_order(
                basket=basket, total=total, shipping_method=method, shipping_charge=charge, user=user,
                order_number=100_000 + basket.pk, date_placed=self.now, **more,
            )  # fmt: skip
        basket.set_as_submitted()
        return order

    def sold(self, order: Any, product: int, quantity: int) -> None:
        """Tell the oracle that an order took pieces of the sale, if its product is in it."""
        if self.sale_id and product in self.products_in("sale"):
            self.oracle.sold(order.pk, product, quantity)

    def reserve(self, basket: Any, user: Any) -> None:
        """Reserve pieces of the sale for a basket that is about to be paid for, as the checkout's last page does."""
        pieces = sum(line.quantity for line in basket.all_lines() if line.product_id in self.products_in("sale"))
        if self.sale_id and pieces:
            sale = Sale.objects.get(pk=self.sale_id)
            reserve(wanted={sale: pieces}, user_id=user.pk, slot=f"basket:{basket.pk}", at=self.now)
            self.oracle.reserved[basket.pk] = pieces

    def world_changes(self) -> None:
        """Before what counts for orders changes, those are looked at that nobody has looked at yet."""
        self.oracle.look([pk for pk in rows.all_since(LIVE) if pk not in self.oracle.orders], self.now)

    def products_in(self, code: str) -> set[int]:
        return set(rows.in_range(self.shop.ranges[code]))
