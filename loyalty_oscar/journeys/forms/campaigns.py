"""The form of a campaign, and the sentence that reads it back."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminIntegerFieldWidget
from django.utils.text import capfirst
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.program import clock, money, words
from loyalty_oscar.program.forms import (
    as_money,
    chosen,
    make_code,
    offer_code,
    offer_program,
    offer_promise,
    refuse_over,
    unit_chosen,
)
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import count_members
from loyalty_oscar.program.second_look import dearer, look_twice, meant_field, tell_cost

from ..models import Campaign
from ..occasions import BIRTHDAY, REVIEW, SIGN_UP, TOLD_DAYS, WORD, fold, occasions

#: What an occasion is called.
NAMES = {
    SIGN_UP: pgettext_lazy("loyalty", "Registering, with an e-mail address that was confirmed"),
    REVIEW: pgettext_lazy("loyalty", "A review that is shown, by somebody who bought the product"),
    BIRTHDAY: pgettext_lazy("loyalty", "A birthday, once a year"),
    WORD: pgettext_lazy("loyalty", "A code word, typed or by a QR code"),
}
#: A word of fewer letters is soon guessed.
SHORTEST_WORD = 4


def occasion_name(code: str) -> str:
    """Return what an occasion is called; one of the store's own is called by its code."""
    return str(NAMES[code]) if code in NAMES else capfirst(code.replace("-", " "))


def sentence(*, campaign: Campaign, unit: Unit) -> str:
    """Return a campaign as a sentence: how many points for what, from when until when, and how many in all."""
    in_points = partial(words.points, unit=unit)
    called = occasion_name(campaign.occasion)
    if campaign.word:
        called = pgettext("loyalty", "The code word “%(word)s”, typed or by a QR code") % {"word": campaign.word}
    parts = [f"{words.promised(unit=unit, row=campaign)}: {called}"]
    zone = campaign.program.time_zone
    if campaign.starts_at:
        parts.append(pgettext("loyalty", "from %(day)s") % {"day": words.day(campaign.starts_at, zone=zone)})
    if campaign.ends_at:
        parts.append(pgettext("loyalty", "until %(day)s") % {"day": words.day(campaign.ends_at, zone=zone)})
    parts += limits(campaign=campaign)
    if campaign.budget is not None:
        parts.append(pgettext("loyalty", "at most %(amount)s in all") % {"amount": in_points(points=campaign.budget)})
    if campaign.most is not None:
        text = npgettext("loyalty", "at most %(most)s time in all", "at most %(most)s times in all", campaign.most)
        parts.append(text % {"most": money.number(campaign.most)})
    given = pgettext("loyalty", "%(amount)s given so far") % {"amount": in_points(points=campaign.spent)}
    if campaign.reward is not None:
        text = npgettext("loyalty", "given %(given)s time so far", "given %(given)s times so far", campaign.given)
        given = text % {"given": money.number(campaign.given)}
    return f"{', '.join(parts)}; {given}."


def limits(*, campaign: Campaign) -> list[str]:
    """Return for whom a campaign is, as parts of its sentence."""
    found, orders = [], campaign.orders_wanted
    if campaign.told_days:
        text = npgettext(
            "loyalty",
            "told at least %(days)s day before",
            "told at least %(days)s days before",
            campaign.told_days,
        )
        found.append(text % {"days": money.number(campaign.told_days)})
    if orders:
        text = npgettext(
            "loyalty",
            "for members with %(count)s paid order that arrived and was kept",
            "for members with %(count)s paid orders that arrived and were kept",
            orders,
        )
        found.append(text % {"count": money.number(orders)})
    if campaign.confirmed_only:
        found.append(pgettext("loyalty", "only with a confirmed e-mail address"))
    return found


def check_points_or_reward(*, form: forms.ModelForm[Any], found: dict[str, Any]) -> None:
    """Refuse both points and a reward, and neither, and a reward of another program, at their fields."""
    if "points" not in form.fields or {"points", "reward"} & form.errors.keys():
        return
    found["points"] = found.get("points") or 0
    points, reward = found["points"], found.get("reward")
    program = found.get("program") or (form.instance.program if form.instance.program_id else None)
    if bool(points) == bool(reward):
        text = pgettext("loyalty", "Say how much or choose a reward, not both.")
        form.add_error("points", text if points else pgettext("loyalty", "How much, or which reward?"))
    elif reward and program and reward.program_id != program.pk:
        form.add_error("reward", pgettext("loyalty", "That reward is of another program."))


class CampaignForm(forms.ModelForm):
    """A campaign as a merchant sets it up. What was given stays as it was given; a change counts from now on."""

    told_days = forms.IntegerField(
        label=pgettext_lazy("loyalty", "A birthday is told so many days before"),
        help_text=pgettext_lazy(
            "loyalty", "Who tells a birthday later waits for the next one. 0: also on the very day. Else unused."
        ),
        min_value=0,
        max_value=365,
        initial=TOLD_DAYS,
        widget=AdminIntegerFieldWidget,
    )
    is_meant = meant_field()

    class Meta:
        model = Campaign
        fields = (
            *("program", "occasion", "name", "code", "points", "reward", "word", "starts_at", "ends_at"),
            *("least_orders", "confirmed_only", "budget", "most", "is_on"),
        )
        help_texts = {
            "name": pgettext_lazy("loyalty", "Members read this name in their statement."),
            "word": pgettext_lazy("loyalty", "Only for a code word. Case, spaces and hyphens don't count."),
            "starts_at": pgettext_lazy("loyalty", "What happened before brings nothing. Empty: everything counts."),
            "ends_at": pgettext_lazy("loyalty", "The first moment that is too late. Empty: no end."),
            "least_orders": pgettext_lazy(
                "loyalty",
                "Paid orders that arrived and were kept, at least in part. Empty: one for a birthday, else none.",
            ),
            "confirmed_only": pgettext_lazy(
                "loyalty", "Members confirm their address from their account page, by a link that is sent to it."
            ),
            "reward": pgettext_lazy("loyalty", "Given instead, whatever it costs in the catalogue."),
            "budget": pgettext_lazy("loyalty", "Empty: no limit."),
            "most": pgettext_lazy("loyalty", "Empty: no limit."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "occasion" in self.fields:
            # Nothing is chosen beforehand: a code word would become a birthday.
            choices = [("", "---------"), *((code, occasion_name(code)) for code in occasions)]
            self.fields["occasion"] = forms.ChoiceField(label=self.fields["occasion"].label, choices=choices)
        offer_program(form=self)
        offer_code(form=self)
        self.unit = unit_chosen(form=self)
        offer_promise(form=self, program=chosen(form=self, name="program"))
        as_money(form=self, unit=self.unit, names=["points", "budget"])
        people = count_members(program=self.unit.program) if self.unit else 0
        tell_cost(form=self, unit=self.unit, names=["points"], members=people)
        tell_cost(form=self, unit=self.unit, names=["budget"])
        if self.instance.pk:
            self.initial["told_days"] = self.instance.params.get("told_days", TOLD_DAYS)
        else:
            self.fields["starts_at"].initial = clock.now()
            self.initial.pop("points", None)  # It may be a reward in place of them.

    def clean_word(self) -> str | None:
        return fold(word=self.cleaned_data.get("word") or "") or None

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        occasion, word = found.get("occasion") or self.instance.occasion, found.get("word")
        if (occasion == WORD) != bool(word):
            with_word = pgettext("loyalty", "Only a code word has a word.")
            self.add_error("word", with_word if word else pgettext("loyalty", "Which word?"))
        elif word and len(word) < SHORTEST_WORD:
            self.add_error("word", pgettext("loyalty", "At least 4 letters or digits: a shorter word is soon guessed."))
        if found.get("starts_at") and found.get("ends_at") and found["ends_at"] <= found["starts_at"]:
            self.add_error("ends_at", pgettext("loyalty", "It ends before it begins."))
        self._check_gift(found)
        self._refuse_what_nobody_gets(found, occasion)
        if found.get("budget") is not None and found["budget"] < self.instance.spent:
            given = words.number(unit=self.unit, points=self.instance.spent) if self.unit else self.instance.spent
            self.add_error("budget", pgettext("loyalty", "%(given)s have been given already.") % {"given": given})
        make_code(form=self, found=found)
        look_twice(form=self, questions=dearer(form=self, unit=self.unit, names=["points"]))
        return found

    def _check_gift(self, found: dict[str, Any]) -> None:
        """Refuse what is no gift; a budget of points for a reward, and fewer times than it was given."""
        check_points_or_reward(form=self, found=found)
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
        if not program or occasion == WORD or not is_on or (self.instance.pk and self.initial.get("is_on")):
            return
        others = Campaign.objects.filter(program=program, occasion=occasion, is_on=True).exclude(pk=self.instance.pk)
        if (other := others.first()) and not (found.get("starts_at") and found.get("ends_at")):
            text = pgettext(
                "loyalty",
                "“%(name)s” is for this already, and of several only the one that gives most counts. Switch it off"
                " first, or say from when until when this one counts.",
            )
            field = "occasion" if "occasion" in self.fields else "is_on"
            self.add_error(field, text % {"name": other.name})

    def save(self, commit: bool = True) -> Campaign:
        if self.instance.occasion == BIRTHDAY:
            self.instance.params = {**self.instance.params, "told_days": self.cleaned_data["told_days"]}
        return super().save(commit=commit)
