"""A campaign for a confirmed address, whatever else is listed: it gives once, and takes back what is withdrawn."""

from loyalty_oscar import extend
from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.occasions import SIGN_UP
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import forget_cache
from tests.projects.shopping import a_person


def run() -> dict:
    Campaign.objects.create(program=Program.objects.get(), code="hi", name="Hi", occasion=SIGN_UP, points=50)
    forget_cache()
    user = a_person("reader@example.com")
    given = [extend.address_confirmed(user=user, email=user.email) for _time in range(2)]
    had = Account.objects.get(member__user=user).available
    extend.undo_act(user=user, occasion=SIGN_UP)
    return {"given": given, "had": had, "left": Account.objects.get(member__user=user).available}
