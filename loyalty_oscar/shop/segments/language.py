"""The trait `language`: in which language members are written to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.people.contacts import languages_of
from loyalty_oscar.program.languages import language_name, offered, own_language
from loyalty_oscar.program.queries import members_within
from loyalty_oscar.program.registries import traits


class LanguageTrait:
    """Members who are written to in one of `languages` (codes); of whom nobody knows, in the shop's own."""

    label, is_personal = pgettext_lazy("loyalty", "Language"), False

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        return {
            "languages": forms.MultipleChoiceField(
                label=pgettext("loyalty", "One of"),
                help_text=pgettext("loyalty", "Who chose none is taken to read the shop’s own language."),
                choices=[(code, language_name(code)) for code, _name in settings.LANGUAGES],
                widget=forms.CheckboxSelectMultiple,
            )
        }

    def says(self, *, params: Mapping[str, Any], program_id: int) -> str:
        names = ", ".join(map(language_name, params["languages"]))
        return pgettext("loyalty", "language: %(languages)s") % {"languages": names}

    def holders(
        self, *, program_id: int, params: Mapping[str, Any], at: datetime, after: int, last: int
    ) -> Collection[int]:
        members = members_within(program_id=program_id, after=after, last=last)
        known, own = languages_of(members=members), own_language()
        wanted = {code for code in {*known.values(), own} if (offered(code=code) or own) in params["languages"]}
        people = members.values_list("pk", "user_id")
        return {pk for pk, user_id in people if known.get(user_id, own) in wanted}


traits.register("language")(LanguageTrait())
