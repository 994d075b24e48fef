"""
The play: a draft goes live on tables apart, test members join and order, and the real jobs run day by day.

Everything is rolled back. No mail is sent, nothing runs after commit, and no row of the shop is written or locked. All
reads are of the database that is written (`rolled_back`), so none names it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.db import transaction
from django.db.models import Model
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.errors import NotAllowed, in_short
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry, Kind, Lot
from loyalty_oscar.people.consents import ask, confirm
from loyalty_oscar.people.models import Consent
from loyalty_oscar.people.operations import save_birthday
from loyalty_oscar.program import clock, delivery, words
from loyalty_oscar.program.apart import apart
from loyalty_oscar.program.conf import BINDING_DAYS, conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Delivery, Event, Member, Program, ProgramSite, State, Unit
from loyalty_oscar.program.operations import change_state, join
from loyalty_oscar.program.queries import begun_units

from ..notices.delivery import kept_back
from ..orders import statuses
from ..storefront.reasons import said_of
from ..upkeep import jobs
from ..upkeep.tables import of_people, set_up
from .sights import test_sights

logger = logging.getLogger("loyalty_oscar")
#: What is done for members, of all jobs; the others look at the shop, at orders of before and at figures.
PLAYED = (
    "sweep",
    "mature",
    "ready",
    "notices",
    "expire",
    "segments",
    "tiers",
    "claims",
    "buyers",
    "campaigns",
    "reviews",
)
#: What is done every day where there are campaigns: their days hang on people and not on dates that are written down.
DAILY = ("segments", "buyers", "campaigns")
#: On other days it is looked whether anything is due, and at least so often whatever is due.
AT_LEAST = timedelta(days=7)
#: Who is told: by mail, and by letters of campaigns that come by mail. Nobody else hears of test members.
MAILS = frozenset(("mail", "campaign-mail"))
MOST_MONTHS = 24
#: A play that takes longer ends where it is, and says so.
MOST_SECONDS = 20.0
#: The hours of the day at which test members order, and at which the jobs run.
ORDERED, WORKED = timedelta(hours=10), timedelta(hours=12)
#: A birthday is known for long enough that it counts.
KNOWN_FOR = timedelta(days=800)
#: What stands in a mail in place of its links, which would lead to somebody else.
LINK, NO_LINK = re.compile(r"https?://\S+"), "[\N{HORIZONTAL ELLIPSIS}]"
DOMAIN = "test.invalid"


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeUp:
    """A test member: `birthday` is day and month, `orders` the days and amounts of what is bought."""

    name: str
    birthday: tuple[int, int] | None = None
    orders: Sequence[tuple[date, Decimal]] = ()
    allows_letters: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A mail that somebody would have got, without its links: they would lead to nobody."""

    name: str
    at: datetime
    subject: str
    text: str


@dataclass(kw_only=True, slots=True)
class Happened:
    """A day on which something happened: sentences, each with whom it is about, what there was in the end, mails."""

    day: date
    lines: list[tuple[str, str]] = field(default_factory=list)
    has: list[tuple[str, str]] = field(default_factory=list)
    mails: list[Said] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class Played:
    """
    What came of it, up to the day `reached` (included): `is_cut` where that is earlier than was asked for because it
    took too long, and what `failed`.
    """

    reached: date
    days: list[Happened] = field(default_factory=list)
    is_cut: bool = False
    failed: list[str] = field(default_factory=list)


def play(
    *,
    program: Program,
    people: Sequence[MadeUp],
    until: date,
    at: datetime,
    after: date | None = None,
    clock_of_play: Callable[[], float] = time.monotonic,
) -> Played:
    """
    Let a draft go live at a moment and test members live with it until a day (included), or with `after` until the
    first day after that one on which something happens.

    Nothing of it stays. Raises `NotAllowed` for a program that is not a draft, and for a time that is too long.
    """
    if program.state != State.DRAFT or program.unit_or_none is None:
        raise NotAllowed("only the clock of a draft can be turned, once it is said what its members collect")
    if until > last_day(program=program, at=at):
        raise NotAllowed(f"the clock can be turned {MOST_MONTHS} months ahead at most")
    if any(get_user_model()._meta.parents.values()):
        raise NotAllowed(
            pgettext("loyalty", "In this shop each customer is a row of several tables. No test member is.")
        )
    with apart(empty=of_people(), copied=set_up()):
        return _Play(program, people, at).until(until, after, clock_of_play() + MOST_SECONDS, clock_of_play)


def last_day(*, program: Program, at: datetime) -> date:
    """Return the last day to which the clock of a draft can be turned at a moment."""
    return periods.add_months(day=periods.local_day(at=at, zone=program.time_zone), months=MOST_MONTHS)


def _put(row: Model) -> None:
    """Write a row in bulk, so that no receiver of the store hears of it."""
    type(row)._base_manager.bulk_create([row])


class _Play:
    """One play, on tables apart."""

    def __init__(self, program: Program, people: Sequence[MadeUp], at: datetime) -> None:
        self.at, self.zone = at, program.time_zone
        self.failed: dict[str, None] = {}
        self.mails: list[Said] = []
        self.last_entry = 0
        self.numbers = count(1)
        self.due: set[date] = set()
        self.worked = date.min
        self.unit = self._begin(program.pk)
        self.site_id = self._site_id()
        with clock.at(at):
            joined = [(self._joined(number, person), person) for number, person in enumerate(people, 1)]
            self.members = {member.pk: person for member, person in joined}
            self.user_ids = {member.pk: member.user_id for member, _person in joined}
            self.seen = self._sights(at)
        self.has_campaigns = any("campaigns" in unit.program.known_rows for unit in begun_units())

    def _begin(self, program_id: int) -> Unit:
        """Let the draft be the only program there is, and live; all of this stands on tables apart."""
        db = write_db()
        ProgramSite.objects.exclude(program_id=program_id)._raw_delete(db)
        Program.objects.exclude(pk=program_id)._raw_delete(db)
        Program.objects.filter(pk=program_id).update(is_default=True)
        change_state(program=Program.objects.get(pk=program_id), to=State.LIVE, actor="system", at=self.at)
        return Unit.objects.select_related("program").get(program_id=program_id)

    def _joined(self, number: int, person: MadeUp) -> Member:
        users, email = get_user_model(), f"member{number}@{DOMAIN}"
        user = users(**{users.USERNAME_FIELD: email, users.get_email_field_name(): email})
        if hasattr(user, "first_name"):
            user.first_name = person.name
        user.set_unusable_password()
        _put(user)
        member = join(program=self.unit.program, user_id=user.pk, at=self.at)
        ledger.open_account(member=member, unit=self.unit)
        if person.birthday:
            day, month = person.birthday
            save_birthday(member=member, day=day, month=month, at=self.at - KNOWN_FOR)
        if person.allows_letters:
            asked = ask(member=member, purpose=Consent.Purpose.LETTERS, words="-", language="", at=self.at)
            confirm(consent_id=asked.pk, at=self.at)
        return member

    def until(self, until: date, after: date | None, give_up: float, now: Callable[[], float]) -> Played:
        """Go on day by day."""
        played = Played(reached=periods.local_day(at=self.at, zone=self.zone))
        day = played.reached
        with kept_back(keep=self._keep):
            while day <= until:
                happened = self._day(day)
                played.reached = day
                if happened.lines or happened.mails:
                    played.days.append(happened)
                    if after and day > after:
                        break
                day += timedelta(days=1)
                if day <= until and now() > give_up:
                    played.is_cut = True
                    break
        played.failed = [*self.failed, *self._undelivered()]
        return played

    def _day(self, day: date) -> Happened:
        begin, soon = periods.start_of_day(day=day, zone=self.zone), self.at + timedelta(minutes=1)
        ends = periods.start_of_day(day=day + timedelta(days=1), zone=self.zone)
        # On the first day the hour may be later than those at which others order.
        ordered = min(max(begin + ORDERED, soon), ends - timedelta(seconds=2))
        worked = min(max(begin + WORKED, soon + timedelta(minutes=1)), ends - timedelta(seconds=1))
        with clock.at(ordered):
            self._order(day, ordered)
        if not (is_due := day in self.due or day >= self.worked + AT_LEAST) and not self.has_campaigns:
            return Happened(day=day)
        with clock.at(worked):
            self._work(worked, PLAYED if is_due else DAILY)
        if not is_due and not self._is_news():
            return Happened(day=day)
        self._tell(worked, ends)
        happened = self._happened(day, worked)
        if is_due or happened.lines or happened.mails:
            self.worked, self.due = day, self._due_days(worked)
        return happened

    def _is_news(self) -> bool:
        """Return whether campaigns did anything on a day on which nothing else is due."""
        is_new = Event.objects.filter(is_new=True).exists()
        return is_new or Entry.objects.filter(pk__gt=self.last_entry).exists()

    def _due_days(self, at: datetime) -> set[date]:
        """Return the days after a moment on which something is due, as it stands then, each with the one after it."""
        days = (*conf.EXPIRY_NOTICE_DAYS, BINDING_DAYS, 0)
        lots = Lot.objects.filter(is_open=True, remaining__gt=0).values_list("available_at", "expires_at")
        found = [ready_at for ready_at, _ends_at in lots if ready_at]
        found += [ends_at - timedelta(days=before) for _ready_at, ends_at in lots if ends_at for before in days]
        found += Delivery.objects.filter(is_open=True, consumer__in=MAILS).values_list("next_at", flat=True)
        told = {"program_id": self.unit.program_id, "member_ids": list(self.members)}
        found += [moment for moments in test_sights.answers("due", **told) for moment in moments]
        local = {periods.local_day(at=moment, zone=self.zone) for moment in found if moment > at}
        ordered = {day for person in self.members.values() for day, _amount in person.orders}
        return {day + timedelta(days=more) for day in local | ordered for more in (0, 1)}

    def _order(self, day: date, at: datetime) -> None:
        """Write what test members order on a day, as an import does: paid, and delivered at once."""
        orders, lines = get_model("order", "Order"), get_model("order", "Line")
        status = statuses.ready_status() or ""
        for member_id, person in self.members.items():
            for _day, amount in (one for one in person.orders if one[0] == day):
                number = f"TEST-{next(self.numbers)}"
                order = orders(
                    number=number, user_id=self.user_ids[member_id], site_id=self.site_id, date_placed=at,
                    status=status, currency=self.unit.program.currency, total_incl_tax=amount, total_excl_tax=amount,
                )  # fmt: skip
                _put(order)
                line = lines(
                    order=order, title=number, quantity=1, status=status, num_allocated=0,
                    line_price_incl_tax=amount, line_price_excl_tax=amount,
                    line_price_before_discounts_incl_tax=amount, line_price_before_discounts_excl_tax=amount,
                    unit_price_incl_tax=amount, unit_price_excl_tax=amount,
                )  # fmt: skip
                _put(line)

    def _site_id(self) -> int | None:
        own = ProgramSite.objects.order_by("pk").values_list("site_id", flat=True).first()
        return own or Site.objects.order_by("pk").values_list("pk", flat=True).first()

    def _work(self, at: datetime, names: Collection[str]) -> None:
        """Do some jobs as they are done for all; one that fails is named, and keeps none from its work."""
        for job in jobs.JOBS:
            if job.name not in names:
                continue
            try:
                with transaction.atomic(using=write_db()):
                    steps = job.run(at, at - timedelta(days=1)) if job.asks_since else job.run(at)
                    for _done in steps:
                        pass
            except Exception as error:
                logger.exception("the job %s failed on the test clock", job.name)
                self.failed[f"{job.title}: {in_short(error)}"] = None

    def _tell(self, at: datetime, ends: datetime) -> None:
        """Let mails leave, each at the moment of the day at which it would."""
        waiting = Delivery.objects.filter(is_open=True, consumer__in=MAILS)
        due: datetime | None = at
        while due:
            with clock.at(due):
                for _told in delivery.deliver(at=due, only=MAILS):
                    pass
            later = waiting.filter(next_at__gt=due, next_at__lt=ends).order_by("next_at")
            due = later.values_list("next_at", flat=True).first()

    def _keep(self, member: Member, said: Mapping[str, Any]) -> None:
        text = LINK.sub(NO_LINK, str(said["body"])).strip()
        name = self.members[member.pk].name
        self.mails.append(Said(name=name, at=clock.now(), subject=str(said["subject"]).strip(), text=text))

    def _happened(self, day: date, at: datetime) -> Happened:
        happened = Happened(day=day, lines=self._entries(), mails=self.mails)
        self.mails = []
        sights = self._sights(at)
        for member_id, person in self.members.items():
            news = [text for text in sights[member_id] if text not in self.seen[member_id]]
            happened.lines += [(person.name, text) for text in news]
        self.seen = sights
        if happened.lines or happened.mails:
            accounts = Account.objects.filter(unit=self.unit).order_by("pk")
            happened.has = [(self.members[one.member_id].name, self._has(one)) for one in accounts]
        return happened

    def _entries(self) -> list[tuple[str, str]]:
        rows = Entry.objects.filter(pk__gt=self.last_entry).select_related("account").order_by("pk")
        entries = list(rows)
        if entries:
            self.last_entry = entries[-1].pk
        said = said_of(reasons={entry.pk: entry.because for entry in entries}) if entries else {}
        return [
            (self.members[entry.account.member_id].name, self._in_words(entry, said.get(entry.pk, "")))
            for entry in entries
        ]

    def _in_words(self, entry: Entry, said: str) -> str:
        points = entry.d_available if entry.kind == Kind.MATURE else entry.net
        told = {"points": words.points(unit=self.unit, points=points, signed=True), "kind": Kind(entry.kind).label}
        told["why"] = said or words.why(entry.because)
        if not points:
            return pgettext("loyalty", "%(kind)s: %(why)s") % told
        return pgettext("loyalty", "%(points)s %(kind)s: %(why)s") % told

    def _has(self, account: Account) -> str:
        parts = {"ready": account.available, "coming": account.pending, "owed": account.debt}
        told = {name: words.points(unit=self.unit, points=points) for name, points in parts.items()}
        if account.debt:
            return pgettext("loyalty", "%(ready)s ready, %(coming)s on the way, %(owed)s to make up") % told
        return pgettext("loyalty", "%(ready)s ready, %(coming)s on the way") % told

    def _sights(self, at: datetime) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {member_id: [] for member_id in self.members}
        for told in test_sights.answers("says", program_id=self.unit.program_id, member_ids=list(self.members), at=at):
            for member_id, texts in told.items():
                found[member_id] += texts
        return found

    def _undelivered(self) -> list[str]:
        rows = Delivery.objects.filter(consumer__in=MAILS, is_open=True).exclude(error="")
        return sorted({f"{row.event.topic}: {row.error}" for row in rows.select_related("event")})
