"""The trait `consent`: who said yes to letters, or to personal content."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program.queries import members_within
from loyalty_oscar.program.registries import traits

from .models import Consent


class ConsentTrait:
    """
    Members who allow a purpose, or (`allowed` False) do not: refused it, or never said anything.

    What a country's law allows without asking is no yes; a letter asks about that by itself.
    """

    label, is_personal = pgettext_lazy("loyalty", "Letters and personal content allowed"), False

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        return {
            "purpose": forms.ChoiceField(label=pgettext("loyalty", "What for"), choices=Consent.Purpose.choices),
            "allowed": forms.TypedChoiceField(
                label=pgettext("loyalty", "Answer"),
                choices=[("True", pgettext("loyalty", "said yes")), ("False", pgettext("loyalty", "did not say yes"))],
                coerce="True".__eq__,
            ),
        }

    def says(self, *, params: Mapping[str, Any], program_id: int) -> str:
        if params["purpose"] == Consent.Purpose.LETTERS:
            return (
                pgettext("loyalty", "allows letters") if params["allowed"] else pgettext("loyalty", "allows no letters")
            )
        if params["allowed"]:
            return pgettext("loyalty", "allows personal content")
        return pgettext("loyalty", "allows no personal content")

    def holders(
        self, *, program_id: int, params: Mapping[str, Any], at: datetime, after: int, last: int
    ) -> Collection[int]:
        members = members_within(program_id=program_id, after=after, last=last)
        yes = Consent.objects.filter(
            member=OuterRef("pk"), purpose=params["purpose"], is_current=True, withdrawn_at=None
        )
        wanted = Exists(yes) if params["allowed"] else ~Exists(yes)
        return set(members.filter(wanted).values_list("pk", flat=True))


traits.register("consent")(ConsentTrait())
