"""What the people of the demo shop stand on, and where its links lead."""

from django.contrib.auth import get_user_model
from django.db.models import Sum
from django.db.models.functions import TruncMonth
from django.test import Client
from django.utils import timezone
from oscar.core.loading import get_model

from loyalty_oscar.insights.aim_tables import figure_by_month, measures_of
from loyalty_oscar.insights.models import Aim, Day
from loyalty_oscar.insights.monthly import MonthCut, months_of
from loyalty_oscar.journeys.models import Occurrence
from loyalty_oscar.kernel.periods import add_months
from loyalty_oscar.ledger.models import Account, Entry, Kind
from loyalty_oscar.program.models import Program, SegmentCount
from loyalty_oscar.referrals.models import Code, Referral
from loyalty_oscar.shop.notices.letters import absolute, site_of
from loyalty_oscar.shop.self_service.guests import keepable
from loyalty_oscar.tiers.models import Standing
from sandbox.seed import people

COLUMNS = ("available", "pending", "reserved", "debt")


def run():
    emails = [person.email for person in people.demo()]
    accounts = Account.objects.filter(member__user__email__in=emails)
    standings = Standing.objects.filter(is_current=True, member__user__email__in=emails)
    code = Code.objects.filter(member__user__email="member@example.com").select_related("member").get()
    login, guest = Client().get("/accounts/login/"), "guest@example.com"
    return {
        "points": {email: dict(zip(COLUMNS, row, strict=True)) for email, *row in _rows(accounts)},
        "ranks": dict(standings.values_list("member__user__email", "rank")),
        "brought": dict(Referral.objects.values_list("newcomer__user__email", "giver__user__email")),
        "waiting": keepable(email=guest, at=timezone.now()).count(),
        "owned": get_model("order", "Order").objects.filter(user__email=guest).count(),
        "link": absolute(site=site_of(member=code.member), path="/"),
        "login": [email for email in emails if email in login.content.decode()],
        "invitation": f"/loyalty/invite/{code.code}/" in login.content.decode(),
        "languages": 'name="language"' in login.content.decode(),
        "emails": emails,
        "told": _told(),
        "months": _months(),
        "groups": _groups(),
        "figures": _figures(),
        "goals": _goals(),
        "for_one": {email: _for_one(email) for email in ("member@example.com", "silver@example.com", "")},
    }


def _told():
    """By which campaigns letters left to whom: code and address."""
    rows = Occurrence.objects.filter(told_at__isnull=False)
    return sorted(set(rows.values_list("campaign__code", "member__user__email")))


def _months():
    """The figures of buying by month, oldest first, and the points that were used in each."""
    program = Program.objects.get(code="paw-club")
    buying = months_of(program=program, cut=MonthCut(length=1, window=180)).buying
    used = (
        Entry.objects.filter(kind=Kind.CAPTURE)
        .annotate(month=TruncMonth("effective_at"))
        .values_list("month", flat=True)
    )
    return {"buyers": [found.buyers for _month, found in sorted(buying.items())], "used": len(set(used))}


def _groups():
    """The sizes of groups as they were counted, oldest first."""
    found = {}
    for code, counted in SegmentCount.objects.order_by("day").values_list("segment__code", "counted"):
        found.setdefault(code, []).append(counted)
    return found


def _goals():
    """What each goal of the club starts at, and what is counted for the month before."""
    aims = list(Aim.objects.select_related("program__unit"))
    found = {}
    for aim in aims:
        counted = figure_by_month(aim=aim, figures=measures_of(unit=aim.program.unit, aims=aims))
        found[aim.figure] = [aim.start, counted[add_months(day=aim.starts_on, months=-1)]]
    return found


def _figures():
    """How many points the figures say are ready and on the way, and how many the accounts hold."""
    unit = Program.objects.get(code="paw-club").unit
    counted = Day.objects.filter(unit=unit).aggregate(ready=Sum("d_available"), way=Sum("d_pending"))
    held = Account.objects.filter(unit=unit).aggregate(ready=Sum("available"), way=Sum("pending"))
    return {"counted": counted, "held": held}


def _for_one(email):
    """Whose homes a line above the products is for, and whether it says why; without an address a stranger."""
    client = Client()
    if email:
        client.force_login(get_user_model().objects.get(email=email))
    page = client.get("/catalogue/").content.decode()
    return [pet for pet in ("dogs", "cats") if f"What {pet} " in page], "Why do I see this?" in page


def _rows(accounts):
    return accounts.values_list("member__user__email", *COLUMNS)
