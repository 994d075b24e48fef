"""What the doctor knows of campaigns: whether the tries of one visitor are told apart from those of another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings

from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.occasions import SIGN_UP, WORD
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import State

from ..upkeep.doctor import Finding, Level, doctor_checks

#: Settings of Django that make sense only behind a proxy.
BEHIND_A_PROXY = ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT")


@doctor_checks.register("network", order=41)
def behind_a_proxy(*, at: datetime) -> Iterator[Finding]:
    """Behind a proxy the whole shop may share one network address, and with it the tries of one."""
    campaigns = Campaign.objects.filter(occasion__in=(SIGN_UP, WORD), is_on=True).exclude(program__state=State.DRAFT)
    if not campaigns.exists():
        return
    told_of = [name for name in BEHIND_A_PROXY if getattr(settings, name, None)]
    if not told_of:
        text = "sign-ups and code words are counted by the address that the web server tells (REMOTE_ADDR)"
        yield Finding(level=Level.OK, about="network", text=text)
        return
    text = (
        f"{' and '.join(told_of)} says that the shop stands behind a proxy, and REMOTE_ADDR counts: if that is the"
        f" proxy's own, {conf.SIGN_UPS_PER_ADDRESS:,} people a day get points for registering in the whole shop"
    )
    hint = "Let the web server or a middleware of yours put the visitor's address into REMOTE_ADDR."
    yield Finding(level=Level.NOTE, about="network", text=text, hint=hint)
