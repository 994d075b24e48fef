"""
One question at the farewell: why do you leave? It stands on Oscar's page that deletes a profile, and nobody has to
answer it.

The answer is counted for its month once the person is gone, and nothing says whose it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_oscar.journeys.answers import count_answer
from loyalty_oscar.journeys.questions import FAREWELL, questions
from loyalty_oscar.kernel import periods
from loyalty_oscar.program import clock, contributions

from ..storefront.request_hooks import response_hooks

FIELD = "loyalty-farewell"


@contributions.register("profile:delete", "journeys", order=90)
def asked(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the question for a member, with what was chosen where the password was wrong."""
    if FAREWELL not in questions or request.loyalty.member is None:
        return None
    question, chosen = questions.get(FAREWELL), request.POST.get(FIELD, "")
    return "loyalty/people/farewell.html", {"question": question, "field": FIELD, "chosen": chosen}


class CountsFarewell:
    """Counts the answer of somebody whose profile is deleted by now."""

    def is_due(self, *, request: Any) -> bool:
        """Return whether somebody answered on the page that deletes a profile."""
        page = request.resolver_match.view_name if request.resolver_match else ""
        return request.method == "POST" and page == "customer:profile-delete" and bool(request.POST.get(FIELD))

    def act(self, *, request: Any, response: Any) -> None:
        """Count it, unless the profile stayed: the password was wrong, or a payment is under way."""
        choice, unit = request.POST[FIELD], request.loyalty.unit
        is_gone = request.user.is_authenticated and request.user.pk is None
        if is_gone and unit is not None and FAREWELL in questions and choice in questions.get(FAREWELL).choices:
            day = periods.local_day(at=clock.now(), zone=unit.program.time_zone)
            count_answer(program=unit.program, question=FAREWELL, choice=choice, day=day)


response_hooks.register("farewell")(CountsFarewell())
