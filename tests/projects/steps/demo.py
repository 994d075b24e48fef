"""What the people of the demo shop stand on, and where its links lead."""

from django.test import Client
from django.utils import timezone
from oscar.core.loading import get_model

from loyalty_oscar.ledger.models import Account
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
    }


def _rows(accounts):
    return accounts.values_list("member__user__email", *COLUMNS)
