"""The page of all levels, side by side."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404
from django.utils.translation import pgettext
from django.views.generic import TemplateView
from oscar.core.loading import get_class

from loyalty_oscar.kernel import periods
from loyalty_oscar.program import clock, money
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import Program
from loyalty_oscar.tiers.queries import ladder_of

from ..storefront.views.account import WithProgram
from ..storefront.visit import takes_part
from .saved import saved_by
from .storefront import cards, rules

PageTitleMixin = get_class("customer.mixins", "PageTitleMixin")


class LevelsView(WithProgram, PageTitleMixin, TemplateView):
    """What does each level take and bring, and where am I? Open to everybody."""

    template_name = "loyalty/levels.html"
    active_tab = "loyalty"

    def get_page_title(self) -> str:
        return pgettext("loyalty", "Levels")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        ladder, visit = ladder_of(program_id=self.program.pk), self.request.loyalty
        if ladder is None:
            raise Http404("this program has no levels")
        at, is_in = clock.now(), takes_part(visit=visit)
        return super().get_context_data(
            css=conf.CSS,
            takes_part=is_in,
            joins=not is_in and self.program.enrolment == Program.Enrolment.OPT_IN,
            rules=rules(ladder=ladder),
            saved=saved_this_year(user=self.request.user, program=self.program, at=at) if is_in else [],
            **cards(ladder=ladder, visit=visit, at=at),
            **kwargs,
        )


def saved_this_year(*, user: Any, program: Program, at: datetime) -> list[str]:
    """Return what membership saved somebody since the first of January, in sentences; none for nothing."""
    zone = program.time_zone
    since = periods.start_of_day(day=periods.local_day(at=at, zone=zone).replace(month=1, day=1), zone=zone)
    found = saved_by(user_id=user.pk, program=program, since=since, at=at)
    told = (
        (found.prices, pgettext("loyalty", "Member prices saved you %(amount)s this year.")),
        (found.delivery, pgettext("loyalty", "Your level saved you %(amount)s on delivery this year.")),
        (found.offers, pgettext("loyalty", "Offers for your level saved you %(amount)s this year.")),
    )
    return [
        text % {"amount": money.in_words(minor=minor, currency=program.currency)} for minor, text in told if minor > 0
    ]
