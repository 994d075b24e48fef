"""The launch checklist, which ticks itself: what must be so before customers can count on the program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.conf import settings
from django.contrib.sites.models import Site
from django.utils.translation import pgettext

from loyalty_oscar.program.hooks import SKIP, Hook
from loyalty_oscar.program.models import JobRun, Program, State

from ..orders import statuses

#: Cron calls every five minutes; what is older than this has stopped.
RAN = timedelta(hours=1)
#: What Django writes into every new project.
NOBODY = "webmaster@localhost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A line of the checklist: what it is about, whether it is so, and where it is not, what to do."""

    text: str
    done: bool
    todo: str = ""


class LaunchCheck(Protocol):
    """Says on the front page of loyalty what must be so before customers use a feature."""

    def __call__(self, *, program: Program, at: datetime) -> Iterable[Tick]:
        """Return a line for each thing."""
        ...


launch_checks: Hook[LaunchCheck] = Hook("launch_checks", LaunchCheck, on_error=SKIP)


def checklist_of(*, program: Program, at: datetime) -> list[Tick]:
    """Return the lines of all features, in order; none for a closed program, on which nobody is to count."""
    if program.state == State.CLOSED:
        return []
    return [one for said in launch_checks.answers(program=program, at=at) for one in said]


@launch_checks.register("jobs", order=20)
def jobs_ran(*, program: Program, at: datetime) -> Iterator[Tick]:
    """Points become ready and messages leave only where the jobs run."""
    yield Tick(
        text=pgettext("loyalty", "The jobs run"),
        done=JobRun.objects.filter(started_at__gt=at - RAN).exists(),
        todo=pgettext(
            "loyalty",
            "No job ran in the last hour, so everything stays on the way and no mail leaves. Ask whoever looks after "
            "the server to have loyalty_run called every five minutes.",
        ),
    )


@launch_checks.register("site", order=30)
def named_site(*, program: Program, at: datetime) -> Iterator[Tick]:
    """Links in mails and codes on posters lead to the shop."""
    served = [one.site for one in program.sites.select_related("site")] or list(
        Site.objects.filter(pk=settings.SITE_ID) if getattr(settings, "SITE_ID", None) else Site.objects.all()[:1]
    )
    yield Tick(
        text=pgettext("loyalty", "Links lead to your shop"),
        done=bool(served) and all("example.com" not in site.domain for site in served),
        todo=pgettext(
            "loyalty", "Links in mails and printed codes lead to example.com. Write your domain under Sites."
        ),
    )


@launch_checks.register("status", order=40)
def last_status(*, program: Program, at: datetime) -> Iterator[Tick]:
    """It is clear after which order status the return period starts."""
    ready, pipeline = statuses.ready_status(), statuses.pipeline()
    done = bool(ready) and (not pipeline or statuses.is_among(word=ready or "", words=pipeline))
    text = pgettext("loyalty", "The return period starts after a status of this shop")
    if done:
        text = pgettext("loyalty", "The return period starts when an order is “%(status)s”") % {"status": ready}
    todo = pgettext("loyalty", "Nothing ever becomes ready. Have LOYALTY_READY_STATUS set to one of: %(statuses)s.")
    yield Tick(text=text, done=done, todo=todo % {"statuses": ", ".join(statuses.candidates() or pipeline)})


@launch_checks.register("mails", order=60)
def sender(*, program: Program, at: datetime) -> Iterator[Tick]:
    """Mails have a sender whom people can answer."""
    addresses = (getattr(settings, "OSCAR_FROM_EMAIL", ""), settings.DEFAULT_FROM_EMAIL)
    used = next((one for one in addresses if one), "")
    yield Tick(
        text=pgettext("loyalty", "Mails come from your shop"),
        done=bool(used) and NOBODY not in used and "example.com" not in used,
        todo=pgettext("loyalty", "Mails come from “%(sender)s”. Have OSCAR_FROM_EMAIL set to your address.")
        % {"sender": used},
    )


@launch_checks.register("terms", order=70)
def terms(*, program: Program, at: datetime) -> Iterator[Tick]:
    """There are terms that members can read."""
    yield Tick(
        text=pgettext("loyalty", "Members can read the terms"),
        done=program.terms.filter(starts_at__lte=at).exists(),
        todo=pgettext("loyalty", "There are no terms in force. Write them on the page of the program."),
    )


@launch_checks.register("live", order=90)
def is_live(*, program: Program, at: datetime) -> Iterator[Tick]:
    """The program is live."""
    yield Tick(
        text=pgettext("loyalty", "The program is live"),
        done=program.state != State.DRAFT,
        todo=pgettext("loyalty", "It is a draft that no customer sees. Go live on the page of the program."),
    )
