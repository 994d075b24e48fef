"""What a page needs to know of its visitor, asked at most once a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.sites.shortcuts import get_current_site
from django.utils.functional import cached_property

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.queries import account_of_user
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import State, Unit
from loyalty_oscar.program.queries import earns_at, remembered, spends_at, unit_for_site


class Visit:
    """The program that serves this site and the visitor's account in it. One query for members, none for others."""

    def __init__(self, request: Any) -> None:
        self.request = request

    @cached_property
    def unit(self) -> Unit | None:
        """The kind of points that this site gives, with its program (at most 60 seconds old)."""
        site_id = get_current_site(self.request).pk
        return remembered(key=("unit", site_id), load=lambda: unit_for_site(site_id=site_id))

    @cached_property
    def is_earning(self) -> bool:
        """Whether an order placed now would earn: the program is live, or closing and earning has not ended yet."""
        return self._is(earns_at)

    @cached_property
    def is_spending(self) -> bool:
        """Whether points can be used now: the program is live, or closing and that has not ended yet."""
        return self._is(spends_at)

    def _is(self, at_work: Callable[..., bool]) -> bool:
        if self.unit is None or self.unit.program.state != State.CLOSING:
            return self.unit is not None and self.unit.program.state == State.LIVE
        program = self.unit.program
        phases = remembered(key=("phases", program.pk), load=lambda: list(program.phases.all()))
        return at_work(phases=phases, at=clock.now())

    @cached_property
    def account(self) -> Account | None:
        """The visitor's account with its member, fresh; None for strangers and those who take no part yet."""
        user = getattr(self.request, "user", None)
        if self.unit is None or user is None or not user.is_authenticated:
            return None
        return account_of_user(user_id=user.pk, unit_id=self.unit.pk)
