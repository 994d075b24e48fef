"""A club whose members invite: Boris with his code, and people who come by it."""

from types import SimpleNamespace

from django.urls import reverse

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.referrals.operations import bind
from loyalty_oscar.testing.factories import CodeFactory, MemberFactory, SchemeFactory
from tests.once import once
from tests.storefront import a_club, a_user, day


@once
def an_inviting_club(**fields):
    """The Paw Club with a scheme, and Boris, who has a code."""
    unit = a_club(**fields.pop("club", {}))
    scheme = SchemeFactory(program=unit.program, **fields)
    boris = a_user()
    return SimpleNamespace(unit=unit, scheme=scheme, boris=boris, code=code_for(boris, unit))


def code_for(user, unit, *, joined=None):
    """The code of a member, who joins if need be."""
    member = MemberFactory(program=unit.program, user=user, joined_at=joined or day(1, 2))
    return CodeFactory(member=member).code


def bring(club, user, *, code=None, at=None):
    """Somebody comes by a code."""
    return bind(code=code or club.code, program_id=club.unit.program_id, user_id=user.pk, at=at or day(3, 1))


def points(user):
    """What somebody has ready and on the way from referrals."""
    account = Account.objects.filter(member__user=user).first()
    lots = list(account.lots.filter(source__startswith="referral:")) if account else []
    return tuple(sum(lot.remaining for lot in lots if lot.state == state) for state in ("open", "pending"))


def landing(code):
    return reverse("loyalty:invitation", args=[code])


def register(client, email="priya@example.com", **more):
    """Somebody registers through the shop's own page; returns the response."""
    data = {
        f"registration-{k}": v for k, v in {"email": email, "password1": "a good 1", "password2": "a good 1"}.items()
    }
    return client.post(reverse("customer:login"), {**data, "registration_submit": "Register", **more})
