"""What a page needs to know of its visitor, asked at most once a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings
from django.contrib.sites.shortcuts import get_current_site
from django.utils.functional import SimpleLazyObject, cached_property, empty

from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations import open_account
from loyalty_oscar.ledger.queries import membership_of_user
from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import Member, Program, State, Unit
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import earns_at, read_versions, shown_unit, spends_at
from loyalty_oscar.program.registries import facts, order_facts

from .price_context import PriceContext


class VisitFact(Protocol):
    """Answers a fact, by the name of the fact, for a visitor without asking the database twice."""

    def __call__(self, *, visit: Visit) -> Any:
        """Return it; None for who has none."""
        ...


visit_facts: Registry[VisitFact] = Registry("fact of a visit", VisitFact)


class Visit:
    """
    The program that serves this site and the visitor's account in it. One query for members, none for others; it goes
    to the database `using` where one is named.
    """

    def __init__(self, request: Any, user: Any = None, *, using: str | None = None) -> None:
        self.request, self._user, self._once, self._using = request, user, {}, using
        self._prices: PriceContext | None = None
        self._priced_user: Any = None
        self._asks_for_basket = False
        #: The delivery that the page shows, where it shows any.
        self.shipping_method: Any = None
        #: The slot whose pieces of a sale this request reserved to be paid for; a stranger's are given back after it,
        #: unless they are ordered or being paid then.
        self.reserved_to_pay: str | None = None
        #: Whether the visitor registered with this request.
        self.has_registered = False
        #: Whether this page has the button that sends a link to the visitor's address; one is enough.
        self.sends_link = False
        #: Whether the page shows what is for the visitor alone, so that no cache may keep it.
        self.is_for_one = False
        #: What a newcomer is told after registering, unless the page that follows tells it.
        self.welcomes: list[str] = []

    @property
    def user(self) -> Any:
        """The visitor; read late, because a token is checked long after the middleware."""
        return self._user or getattr(self.request, "user", None)

    @property
    def basket(self) -> Any:
        """
        The basket of this request, for who decides a price: Oscar puts it together when it is first asked for, and asks
        for prices then, so meanwhile it is the one that is being put together, or None before there is one.
        """
        basket = getattr(self.request, "basket", None)
        if not isinstance(basket, SimpleLazyObject) or basket._wrapped is not empty:
            return basket
        begun = getattr(self.request, "_basket_cache", None)
        if begun is not None or self._asks_for_basket:
            return begun
        self._asks_for_basket = True
        try:
            bool(basket)
        finally:
            self._asks_for_basket = False
        return basket

    @property
    def prices(self) -> PriceContext:
        """What prices are decided from in this request; anew for whoever signs in or out meanwhile."""
        user = self._user or getattr(self.request, "user", None)  # A list asks hundreds of times: one step less.
        if self._prices is None or user is not self._priced_user:
            self._prices, self._priced_user = PriceContext(), user
        return self._prices

    def once(self, *, key: Any, load: Callable[[], Any]) -> Any:
        """Return what `load()` returned when it was first asked for in this visit."""
        if key not in self._once:
            self._once[key] = load()
        return self._once[key]

    @cached_property
    def unit(self) -> Unit | None:
        """
        The kind of points that this site gives, with its program: at most a minute old, and a second for members, whose
        membership tells the version.
        """
        return self._shown_unit()

    def _shown_unit(self) -> Unit | None:
        site_id = get_current_site(self.request).pk if self.request else getattr(settings, "SITE_ID", None)
        return shown_unit(site_id=site_id)

    @property
    def is_earning(self) -> bool:
        """Whether an order placed now would earn: the program is live, or closing and earning has not ended yet."""
        return self._is(earns_at)

    @property
    def is_spending(self) -> bool:
        """Whether the visitor could use points now: the program lets members, and nobody froze this one's."""
        return self._is(spends_at) and not self.is_frozen

    @property
    def is_frozen(self) -> bool:
        """Whether staff froze the visitor's points. No query beside the one for the membership."""
        return self.member is not None and self.member.is_frozen(at=clock.now())

    def _is(self, at_work: Callable[..., bool]) -> bool:
        if self.unit is None or self.unit.program.state != State.CLOSING:
            return self.unit is not None and self.unit.program.state == State.LIVE
        return at_work(phases=self.unit.program.known_phases, at=clock.now())

    def facts(self, *, names: Iterable[str], at: datetime) -> dict[str, Any]:
        """Return what is said of the visitor (`tier`, …) and of an order placed now. Of strangers no query."""
        found = {name: self._fact(name, at) for name in names}
        return {name: told for name, told in found.items() if told is not None}

    def _fact(self, name: str, at: datetime) -> Any:
        if name in order_facts:
            return order_facts.get(name).of_visit(request=self.request)
        if name in visit_facts:
            return visit_facts.get(name)(visit=self)
        if self.member is None:
            return None
        return facts.get(name)(members=[self.member.pk], at=at).get(self.member.pk)

    @cached_property
    def account(self) -> Account | None:
        """The visitor's account with its member, fresh; None for strangers and those who have none yet."""
        return self._membership[1]

    @cached_property
    def member(self) -> Member | None:
        """The visitor's membership, also without an account yet (brought by a link, given a level)."""
        return self._membership[0]

    @cached_property
    def _membership(self) -> tuple[Member | None, Account | None]:
        user = self.user
        if self.unit is None or user is None or not user.is_authenticated:
            return None, None
        member, account = membership_of_user(user_id=user.pk, unit=self.unit, using=self._using)
        if member is not None and member.program_version > self.unit.program.version:
            # Staff changed something in another process: this visit goes on with that.
            read_versions()
            self.unit = self._shown_unit()
            self._once.clear()
            self._prices = None
            if self.unit is None or self.unit.program_id != member.program_id:
                return None, None
        return member, account


def joined(*, visit: Visit, at: datetime) -> Member | None:
    """
    Return the membership of a signed-in visitor, made now where people join by doing; None where they choose to, and
    for a login whose membership was merged into that of another: what it had is used there.
    """
    if visit.account or visit.unit is None:
        return visit.account.member if visit.account else None
    program = visit.unit.program
    if program.enrolment == Program.Enrolment.OPT_IN:
        return visit.member
    member = join(program=program, user_id=visit.user.pk, at=at)
    if member.user_id != visit.user.pk:
        return None
    open_account(member=member, unit=visit.unit)
    return member


def visit_of(*, request: Any, user: Any = None) -> Visit | None:
    """Return the visit of a request, or one of a user alone; None where nobody asks in particular."""
    if request is None and user is None:
        return None
    found = getattr(request, "loyalty", None) or getattr(getattr(request, "_request", None), "loyalty", None)
    return found or Visit(request, user)


def teases(*, visit: Visit, teaser: str) -> bool:
    """Return whether the store tells this of the club to those who are not in it (`LOYALTY_TEASERS`); no query."""
    return teaser in conf.TEASERS and visit.unit is not None and visit.unit.program.state == State.LIVE


def takes_part(*, visit: Visit) -> bool:
    """Return whether this visitor is in the program, or will be with the first order. At most one query more."""
    user = visit.user
    if visit.unit is None or user is None or not user.is_authenticated:
        return False
    program = visit.unit.program
    return program.enrolment == Program.Enrolment.AUTOMATIC or visit.member is not None
