"""The form of a campaign: when, for whom, what it gives, and within which limits."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminIntegerFieldWidget
from django.db.models import Q
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.program import clock, money, words
from loyalty_oscar.program.forms import (
    as_money,
    chosen,
    make_code,
    offer_code,
    offer_for_whom,
    offer_program,
    offer_promise,
    refuse_over,
    unit_chosen,
)
from loyalty_oscar.program.queries import count_members
from loyalty_oscar.program.second_look import dearer, look_twice, meant_field, tell_cost

from ..models import Campaign
from ..occasions import LATE, LEAVING, SURPRISE, WORD, fold, occasions
from .params import FIELDS, param_fields, wrong_params

#: A word of fewer letters is soon guessed.
SHORTEST_WORD = 4
#: What nobody is told of before it comes.
UNASKED = (SURPRISE, LATE, LEAVING)
#: Nobody plans farther ahead, or rests longer, in days.
LONGEST = 3650
PUBLIC = (
    (True, pgettext_lazy("loyalty", "Promised: members know of it, and nobody for whom it is meant is left out")),
    (
        False,
        pgettext_lazy(
            "loyalty",
            "A surprise: nobody knows of it before, the control group never gets one, and only members who allow"
            " letters are told",
        ),
    ),
)


def check_points_or_reward(*, form: forms.ModelForm[Any], found: dict[str, Any], must: bool = True) -> None:
    """
    Refuse both points and a reward, and neither where it has to be one, and a reward of another program, at their
    fields.
    """
    if "points" not in form.fields or {"points", "reward"} & form.errors.keys():
        return
    found["points"] = found.get("points") or 0
    points, reward = found["points"], found.get("reward")
    program = found.get("program") or (form.instance.program if form.instance.program_id else None)
    if points and reward:
        form.add_error("points", pgettext("loyalty", "Say how much or choose a reward, not both."))
    elif must and not points and not reward:
        form.add_error("points", pgettext("loyalty", "How much, or which reward?"))
    elif reward and program and reward.program_id != program.pk:
        form.add_error("reward", pgettext("loyalty", "That reward is of another program."))


class CampaignForm(forms.ModelForm):
    """
    A campaign as a merchant sets it up; `campaign_form` adds what its occasion asks. What was given stays as it was
    given; a change counts from now on.
    """

    occasion = ""

    rank = forms.TypedChoiceField(
        label=pgettext_lazy("loyalty", "From level"),
        help_text=pgettext_lazy("loyalty", "As it is when the campaign comes to a member."),
        coerce=int,
        initial=0,
    )
    delay_days = forms.IntegerField(
        label=pgettext_lazy("loyalty", "So many days later"),
        help_text=pgettext_lazy("loyalty", "Empty: at once."),
        min_value=0,
        max_value=LONGEST,
        required=False,
        widget=AdminIntegerFieldWidget,
    )
    rest_days = forms.IntegerField(
        label=pgettext_lazy("loyalty", "Rest for each member (days)"),
        help_text=pgettext_lazy("loyalty", "So long it leaves a member alone to whom it came. Empty: no rest."),
        min_value=0,
        max_value=LONGEST,
        required=False,
        widget=AdminIntegerFieldWidget,
    )
    is_public = forms.TypedChoiceField(
        label=pgettext_lazy("loyalty", "Promised or a surprise"),
        choices=PUBLIC,
        coerce=lambda value: str(value) == "True",
        initial=True,
        widget=forms.RadioSelect,
    )
    is_meant = meant_field()

    class Meta:
        model = Campaign
        fields = (
            *("program", "name", "code", "points", "reward", "word", "starts_at", "ends_at", "rank", "segment"),
            *("delay_days", "rest_days", "least_orders", "confirmed_only", "is_public", "budget", "most", "is_on"),
        )
        help_texts = {
            "name": pgettext_lazy("loyalty", "Members read this name in their statement."),
            "word": pgettext_lazy("loyalty", "Case, spaces and hyphens don't count."),
            "starts_at": pgettext_lazy("loyalty", "What happened before brings nothing. Empty: everything counts."),
            "ends_at": pgettext_lazy("loyalty", "The first moment that is too late. Empty: no end."),
            "least_orders": pgettext_lazy(
                "loyalty",
                "Paid orders that arrived and were kept, at least in part. Empty: one for a birthday, else none.",
            ),
            "confirmed_only": pgettext_lazy(
                "loyalty", "Members confirm their address from their account page, by a link that is sent to it."
            ),
            "points": pgettext_lazy("loyalty", "Empty: it only writes a letter."),
            "reward": pgettext_lazy(
                "loyalty", "Given instead, whatever it costs in the catalogue. It lies in the member’s account."
            ),
            "budget": pgettext_lazy("loyalty", "Empty: no limit."),
            "most": pgettext_lazy("loyalty", "Empty: no limit."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.pk:
            self.instance.occasion = self.occasion
        offer_program(form=self)
        offer_code(form=self)
        stored, program = self.instance, chosen(form=self, name="program")
        self.promised_before = bool(stored.pk and stored.is_on and stored.is_promise)
        self.unit = unit_chosen(form=self)
        offer_for_whom(form=self, program=program)
        offer_promise(form=self, program=program)
        as_money(form=self, unit=self.unit, names=["points", "budget"])
        people = count_members(program=self.unit.program) if self.unit else 0
        tell_cost(form=self, unit=self.unit, names=["points"], members=people)
        tell_cost(form=self, unit=self.unit, names=["budget"])
        if self.instance.pk:
            self.initial.update({name: value for name, value in self.instance.params.items() if name in self.own})
        else:
            self.fields["starts_at"].initial = clock.now()
            self.fields["is_public"].initial = self.occasion not in UNASKED
            self.initial.pop("points", None)  # It may be a reward in place of them.

    @property
    def own(self) -> list[str]:
        """The names of the fields whose values are parameters."""
        return [name for name in self.fields if name in FIELDS]

    def clean_word(self) -> str | None:
        return fold(word=self.cleaned_data.get("word") or "") or None

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        occasion, word = self.instance.occasion, found.get("word")
        if "word" in self.fields and "word" not in self.errors and not word:
            self.add_error("word", pgettext("loyalty", "Which word?"))
        elif word and len(word) < SHORTEST_WORD:
            self.add_error("word", pgettext("loyalty", "At least 4 letters or digits: a shorter word is soon guessed."))
        if found.get("starts_at") and found.get("ends_at") and found["ends_at"] <= found["starts_at"]:
            self.add_error("ends_at", pgettext("loyalty", "It ends before it begins."))
        self._take_params(found)
        self._check_gift(found)
        self._refuse_what_nobody_gets(found, occasion)
        if found.get("budget") is not None and found["budget"] < self.instance.spent:
            given = words.number(unit=self.unit, points=self.instance.spent) if self.unit else self.instance.spent
            self.add_error("budget", pgettext("loyalty", "%(given)s have been given already.") % {"given": given})
        make_code(form=self, found=found)
        look_twice(form=self, questions=dearer(form=self, unit=self.unit, names=["points"]))
        self.instance.is_sound = not self.errors
        return found

    def clean_delay_days(self) -> int:
        return self.cleaned_data["delay_days"] or 0

    def clean_rest_days(self) -> int:
        return self.cleaned_data["rest_days"] or 0

    def _take_params(self, found: dict[str, Any]) -> None:
        """Keep what the campaign says of its occasion; what is empty is not kept."""
        typed = {name: found.get(name) for name in self.own}
        if "sets" in typed and set(typed["sets"] or ()) == set(self.instance.params.get("sets") or ()):
            typed["sets"] = self.instance.params.get("sets")  # In the order in which they are stored.
        kept = {name: value for name, value in self.instance.params.items() if name not in typed}
        said = {name: value for name, value in typed.items() if value or (value == 0 and value is not False)}
        self.instance.params = {**kept, **said}
        for name, text in wrong_params(occasion=self.instance.occasion, params=self.instance.params).items():
            if name not in self.errors:
                self.add_error(name, text)

    def _check_gift(self, found: dict[str, Any]) -> None:
        """Refuse what is no gift; a budget of points for a reward, and fewer times than it was given."""
        # Of what only a page says nothing is left where nothing is given.
        occasion = self.instance.occasion
        must = occasion in occasions and not occasions.get(occasion).by_mail
        check_points_or_reward(form=self, found=found, must=must)
        if occasion == SURPRISE and found.get("is_public"):
            self.add_error("is_public", pgettext("loyalty", "A surprise that everybody knows of is none."))
        if found.get("reward") and not {"points", "reward"} & self.errors.keys() and found.get("budget") is not None:
            text = pgettext("loyalty", "A reward is given so many times. Say that instead.")
            self.add_error("budget", text)
        most, given = found.get("most"), self.instance.given
        if not most or most > given or (most == given and "most" not in self.changed_data):
            return
        text = npgettext(
            "loyalty", "It was given %(given)s time already.", "It was given %(given)s times already.", given
        )
        more = pgettext("loyalty", "Write more, or switch it off.")
        if most < given or found.get("is_on"):
            self.add_error("most", f"{text % {'given': money.number(given)}} {more}")

    def _refuse_what_nobody_gets(self, found: dict[str, Any], occasion: str) -> None:
        """Refuse what would give nobody anything: too small a sum, an end that is over, a second one of its kind."""
        budget, points = found.get("budget"), found.get("points")
        is_on, spent, changed = found.get("is_on"), self.instance.spent, {"budget", "points"} & {*self.changed_data}
        if changed and budget is not None and points and spent <= budget < spent + points:
            text = pgettext("loyalty", "That is not enough for one more time. Write more, or switch it off.")
            self.add_error("budget", text)
        refuse_over(form=self)
        program = found.get("program") or (self.instance.program if self.instance.program_id else None)
        promises = found.get("is_public") and (points or found.get("reward"))
        if not program or occasion == WORD or not (is_on and promises) or self.promised_before:
            return  # Only of what is promised does one alone count.
        others = Campaign.objects.filter(program=program, occasion=occasion, is_on=True, is_public=True)
        gives = Q(points__gt=0) | Q(reward__isnull=False)
        rows = others.filter(gives).exclude(pk=self.instance.pk).order_by("pk")
        other = next((row for row in rows if row.about == self.instance.about), None)
        if other and not (found.get("starts_at") and found.get("ends_at")):
            text = pgettext(
                "loyalty",
                "“%(name)s” is for this already, and of several only the one that gives most counts. Switch it off"
                " first, or say from when until when this one counts.",
            )
            self.add_error("is_on", text % {"name": other.name})


def campaign_form(*, occasion: str) -> type[CampaignForm]:
    """Return the form for campaigns of one occasion."""
    found: Any = forms.models.ModelFormMetaclass(
        "CampaignForm",
        (CampaignForm,),
        {**param_fields(occasion=occasion), "occasion": occasion, "__module__": __name__},
    )
    return found
