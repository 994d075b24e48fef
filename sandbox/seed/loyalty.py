"""
The Paw Club lives through the shop's past: its rules, a day's work every day, and what the demo people are for.

Nothing here writes points by a back door: orders earn through Oscar's signals, the jobs run on each day of the
past, and used or given points are operations of the ledger like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test.utils import override_settings
from oscar.core.loading import get_model

from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock as program_clock
from loyalty_oscar.program.conf import BINDING_TOPICS
from loyalty_oscar.program.events import topics
from loyalty_oscar.program.models import ProductSet, TermsVersion, Unit
from loyalty_oscar.shop.dashboard.permissions import loyalty_permissions, oscars_pages
from loyalty_oscar.shop.models import ProductSetRange
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.shop.upkeep.setup import cashback, make_ready

from .people import Person
from .timeline import ZONE, Happening

clock = program_clock.at

NAMES = {
    "en": {"one": "paw", "other": "paws", "title": "Paws"},
    "de": {"one": "Pfote", "other": "Pfoten", "title": "Pfoten"},
    "pl": {"one": "łapka", "few": "łapki", "many": "łapek", "other": "łapki", "title": "Łapki"},
    "ru": {"one": "лапка", "few": "лапки", "many": "лапок", "other": "лапки", "title": "Лапки"},
}
TERMS = (
    "1 paw for each 1.00 € you pay for goods. Paws are ready 14 days after delivery and last 12 months, to the end "
    "of the month. 100 paws are worth 1.00 €. When goods come back, their paws do too. Leave whenever you like."
)
#: Of a past told in cashback, which leaves the numbers as they are: a paw is worth a cent.
PERCENT = 2
TERMS_OF_CASHBACK = (
    "2 % of what you pay for goods comes back, 3 % for Silver and 5 % for Gold. Credit is ready 14 days after delivery "
    "and lasts 12 months, to the end of the month. When goods come back, so does their credit. Leave when you like."
)
#: Jobs that look again at what signals have told, or count what is written down with its day. Nothing is silent in this
#: past, so its first and last day suffice.
LOOKS_AGAIN = frozenset(
    {
        *("sweep", "nightly", "programs", "prices", "sale-counts", "farewells", "rollups", "rollups-check"),
        *("rollups-months", "rollups-parts", "receipts", "reviews", "calendar"),
    }
)
#: Jobs that are done once a week all along: what they look at changes slowly.
WEEKLY = frozenset({"segments", "tiers"})
#: From how many days ago on the club works every day and writes of everything. Before that it works once a week, and
#: writes only what binds: what it wrote then nobody finds in an inbox any more.
DAILY, WEEK = 90, timedelta(days=7)


def open_club(*, at: datetime, is_money: bool = False) -> None:
    """Open the Paw Club on the shop's first day, of paws or of cashback."""
    choices = cashback(percent=Fraction(PERCENT)) if is_money else None
    ready = make_ready(code="paw-club", name="Paw Club", currency="EUR", live=True, at=at, choices=choices)
    is_money = ready.unit.is_money  # As it was opened, where a past goes on.
    if not is_money:
        Unit.objects.filter(pk=ready.unit.pk).update(names=NAMES)
    terms = TERMS_OF_CASHBACK if is_money else TERMS
    TermsVersion.objects.get_or_create(
        program=ready.program, version=1, language="en", defaults={"text": terms, "starts_at": at}
    )
    beds, _made = ProductSet.objects.get_or_create(code="dog-beds", defaults={"name": "Dog beds"})
    range_ = get_model("offer", "Range").objects.filter(slug="dog-beds").first()
    ProductSetRange.objects.update_or_create(product_set=beds, defaults={"range": range_})
    save_rule(
        unit=ready.unit,
        code="double-dog-beds",
        name="Double cashback on dog beds" if is_money else "Double paws on dog beds",
        type="multiplier",
        params={"percent": 200, "group": "campaign"},
        narrowed=[{"code": "product-set", "params": {"sets": ["dog-beds"]}}],
        actor="system",
        at=at,
    )
    save_rule(
        unit=ready.unit,
        code="first-order",
        name="A thank-you for the first order",
        type="first-order",
        params={"points": 20},
        narrowed=[{"code": "minimum-spend", "params": {"currency": "EUR", "minimum_minor": 2000}}],
        actor="system",
        at=at,
    )


def happenings(*, today: datetime) -> Iterator[Happening]:
    """Let every day have its noon on which the club works every day, even where nobody orders then."""
    for days in range(-DAILY, 1):
        yield Happening(at=noon(today + timedelta(days=days)), do=lambda player, at: None)


def noon(at: datetime) -> datetime:
    """Return noon of a day, when its work is done: letters may go then, and wait for no other day's work."""
    return at.astimezone(ZONE).replace(hour=12, minute=0, second=0, microsecond=0)


class Days:
    """Does each day's work of the past once, at noon or when something happens next."""

    def __init__(self, *, today: datetime) -> None:
        self.today = today
        self.last: datetime | None = None

    def after_event(self, *, at: datetime) -> None:
        """Called after each event of the past is committed, in order of time, with the clock standing at `at`."""
        is_long_ago = at < self.today - timedelta(days=DAILY)
        if self.last is not None and at < noon(self.last + (WEEK if is_long_ago else timedelta(days=1))):
            return
        with override_settings(LOYALTY_UNTOLD_TOPICS=sorted({*topics} - BINDING_TOPICS) if is_long_ago else ()):
            self._work(at)
        self.last = at

    def end(self) -> None:
        """Do all that is due today, as the shop does from now on, and let the merchant in."""
        with clock(self.today):
            self._thank_for_waiting(self.today)
            for step in jobs.run(at=self.today):
                if step.error:
                    raise RuntimeError(f"the job {step.job.name} failed: {step.error}")
            self._date_letters(self.today)
        group, _made = Group.objects.get_or_create(name="Paw Club")
        group.permissions.set([*loyalty_permissions(), *oscars_pages()])
        group.user_set.add(*get_user_model().objects.filter(email="merchant@example.com"))

    def _work(self, at: datetime) -> None:
        self._thank_for_waiting(at)
        is_new_week = self.last is None or at.isocalendar()[:2] != self.last.isocalendar()[:2]
        for job in jobs.JOBS:
            rests = job.name in LOOKS_AGAIN or (job.name in WEEKLY and not is_new_week)
            if self.last is None or not rests:
                steps = job.run(at, self.last) if job.asks_since else job.run(at)
                for _step in steps:
                    pass
        self._date_letters(at)

    def _date_letters(self, at: datetime) -> None:
        """Oscar dates what it sends by the wall clock."""
        for model in ("Email", "Notification"):
            get_model("communication", model).objects.filter(date_sent__gt=self.today).update(date_sent=at)

    def _thank_for_waiting(self, at: datetime) -> None:
        """Six weeks ago Priya waited long for a parcel; what she got for it lasts until five days from today."""
        if at <= self.today - timedelta(days=42):
            return
        account = account_of(user=get_user_model().objects.filter(email="expiring@example.com").first())
        if account:
            last_day = periods.local_day(at=self.today, zone="Europe/Berlin") + timedelta(days=6)
            ledger.adjust(
                account_id=account.pk,
                points=60,
                key="demo:late-parcel",
                because=Because("goodwill"),
                actor="system",
                note="Sorry for the late parcel",
                at=at,
                expires_at=periods.start_of_day(day=last_day, zone="Europe/Berlin"),
            )


def bring_paper_cards(*, people: Iterable[Person], at: datetime) -> None:
    """Count the paws of an old paper card, once: as many as make up what a demo person is to have ready."""
    for person in people:
        account = account_of(user=get_user_model().objects.filter(email=person.email).first())
        if account and account.available < person.ready:
            ledger.adjust(
                account_id=account.pk,
                points=person.ready - account.available,
                key="demo:paper-card",
                because=Because("goodwill"),
                actor="system",
                note="From your old paper card",
                at=at,
            )


def account_of(*, user: Any) -> Account | None:
    """Return the account of a customer, if there is one."""
    accounts = Account.objects.filter(member__user=user, member__user__isnull=False)
    return accounts.select_related("member", "unit__program").first()
