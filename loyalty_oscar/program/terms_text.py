"""The text of terms to begin with: what the program says already, and in brackets what only the shop keeper knows."""

from __future__ import annotations

from django.utils import translation
from django.utils.translation import npgettext, pgettext

from .models import Program


def terms_to_fill_in(*, program: Program, language: str) -> str:
    """Return the text of terms for a program in a language, a paragraph for each thing that members ask."""
    days, months = program.hold_days, program.expiry_months
    with translation.override(language):
        ready = npgettext(
            "loyalty",
            "What an order brings is ready %(days)d day after it has arrived.",
            "What an order brings is ready %(days)d days after it has arrived.",
            days,
        )
        ends = npgettext(
            "loyalty",
            "It runs out %(months)d month later, at the end of that month.",
            "It runs out %(months)d months later, at the end of that month.",
            months,
        )
        if program.expiry != Program.Expiry.MONTHS:
            ends = pgettext("loyalty", "[When it runs out.]")
        return "\n\n".join(
            (
                pgettext("loyalty", "The %(program)s is run by [name and address of your shop].")
                % {"program": program.name},
                pgettext("loyalty", "Taking part costs nothing. Everybody can leave at any time."),
                pgettext("loyalty", "[What members get, and what they can use it for.]"),
                f"{ready % {'days': days}} {ends % {'months': months}}",
                pgettext("loyalty", "When goods come back, what they brought is taken back, too."),
                pgettext("loyalty", "[How you tell members of changes, and how long before.]"),
                pgettext("loyalty", "Questions are answered by [address or telephone number]."),
            )
        )
