"""The form of a goal: what is asked for as people say it, and what stands still once orders count."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.html import escape
from django.utils.text import capfirst
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.limits import MOST_RATE
from loyalty_oscar.kernel.rounding import to_major
from loyalty_oscar.program import clock, money, words
from loyalty_oscar.program.forms import as_money, chosen, in_coins, make_code, offer_code, offer_for_whom, offer_program
from loyalty_oscar.program.models import Program, Reward
from loyalty_oscar.program.numbers import NumberField
from loyalty_oscar.program.queries import count_members
from loyalty_oscar.program.registries import metrics
from loyalty_oscar.program.reward_worth import reward_in_words
from loyalty_oscar.program.second_look import look_twice, meant_field, tell_cost

from ..models import MOST_TARGET, Goal
from .campaigns import check_points_or_reward
from .goal_cost import GoalGift, asked_about
from .params import set_choices

#: More product sets than that nobody collects.
MOST_SETS = 30


def metric_choices() -> list[tuple[str, str]]:
    """Return what can count, each as it calls itself; nothing is chosen beforehand."""
    return [("", "---------"), *((code, capfirst(str(metric.label))) for code, metric in metrics.items())]


class LaterGoalForm(forms.ModelForm):
    """A goal that orders count for: what may still change."""

    class Meta:
        model = Goal
        fields: tuple[str, ...] = ("name", "ends_at", "is_on")
        help_texts: Mapping[str, Any] = {
            "name": pgettext_lazy("loyalty", "Members read this name."),
            "starts_at": pgettext_lazy("loyalty", "Orders from before do not count. Empty: from now on."),
            "ends_at": pgettext_lazy("loyalty", "The first moment that is too late. Empty: no end."),
            "is_on": pgettext_lazy("loyalty", "Switched off, no further order counts; what was reached stays."),
            "points": pgettext_lazy("loyalty", "What a member gets each time that it is reached."),
            "reward": pgettext_lazy("loyalty", "Instead of that, whatever it costs in the catalogue."),
            "window_days": pgettext_lazy("loyalty", "From the first order that counts. Empty: however long it takes."),
            "repeats": pgettext_lazy("loyalty", "A full stamp card is followed by the next."),
        }

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        now, ends_at, before = clock.now(), found.get("ends_at"), self.initial.get("ends_at")
        if "ends_at" not in self.changed_data:
            return found
        if before and before <= now and self.instance.steps.exists():
            self.add_error("ends_at", pgettext("loyalty", "This goal is over. Add another one."))
        elif ends_at and ends_at <= now:
            text = pgettext("loyalty", "That is over already. Choose a later day, or switch it off.")
            self.add_error("ends_at", text)
        return found


class GoalForm(LaterGoalForm):
    """A goal as a merchant sets it up."""

    metric = forms.ChoiceField(label=pgettext_lazy("loyalty", "What counts"), choices=metric_choices)
    takes = NumberField(
        label=pgettext_lazy("loyalty", "How much of it"),
        help_text=pgettext_lazy("loyalty", "A whole number; an amount of the program’s currency where money counts."),
        min_value=0,
        max_digits=14,
        decimal_places=2,
    )
    sets = forms.MultipleChoiceField(
        label=pgettext_lazy("loyalty", "Only these product sets"),
        help_text=pgettext_lazy("loyalty", "For pieces: those in any of them. For several sets: each counts once."),
        choices=set_choices,
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    rank = forms.TypedChoiceField(
        label=pgettext_lazy("loyalty", "From level"),
        help_text=pgettext_lazy("loyalty", "As it is when the order is placed; whoever stands higher counts too."),
        coerce=int,
        initial=0,
    )
    is_meant = meant_field()

    class Meta(LaterGoalForm.Meta):
        fields = (
            *("program", "name", "code", "window_days", "repeats", "points", "reward", "rank", "segment"),
            *("starts_at", "ends_at", "is_on"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored_gift = self._stored_gift()
        fields: Any = self.fields
        offer_program(form=self)
        offer_code(form=self)
        fields["points"].required = fields["starts_at"].required = False
        if not self.instance.pk:
            fields["points"].initial = None  # It may be a reward in place of them.
            self.initial.pop("points", None)
        self.program: Program | None = chosen(form=self, name="program")
        self.unit = self.program.unit_or_none if self.program else None
        self._know_the_program()
        if self.instance.pk:
            self.initial["metric"], self.initial["sets"] = self.instance.metric, self.instance.set_codes
            self.initial["takes"] = to_major(minor=self.instance.target, exponent=self._places(self.instance.metric))

    def _stored_gift(self) -> GoalGift | None:
        """Return what the goal gives as it is stored."""
        goal = self.instance
        if not goal.pk:
            return None
        is_money = goal.metric in metrics and metrics.get(goal.metric).is_money
        return GoalGift(points=goal.points, reward=goal.reward, target=goal.target if is_money else None)

    def _know_the_program(self) -> None:
        """Offer the levels, groups and rewards of the program, and have points typed as it counts them."""
        fields: Any = self.fields
        offer_for_whom(form=self, program=self.program)
        if "reward" in fields and self.program:
            fields["reward"].queryset = Reward.objects.filter(program=self.program).order_by("name")
        if self.program and "takes" in fields:
            in_coins(form=self, name="takes", currency=self.program.currency)
        as_money(form=self, unit=self.unit, names=["points"])
        people = count_members(program=self.program) if self.program else 0
        tell_cost(form=self, unit=self.unit, names=["points"], members=people)
        reward = chosen(form=self, name="reward")
        if reward is not None and (worth := reward_in_words(reward=reward)):
            fields["reward"].help_text = f"{fields['reward'].help_text} {escape(worth)}"

    def _places(self, metric: str) -> int:
        """Return how many decimals a number of what counts has."""
        is_money = metric in metrics and metrics.get(metric).is_money
        return money.exponent(currency=self.program.currency) if is_money and self.program else 0

    def currencies(self, name: str) -> tuple[str, str]:
        """Return the program's currency for how much is asked for, where money counts."""
        is_money = name == "takes" and self._places(self.cleaned_data.get("metric", "")) and self.program
        currency = self.program.currency if is_money and self.program else ""
        return currency, currency

    def clean(self) -> dict[str, Any]:
        found = super().clean()
        self._check_start(found)
        self._make_code(found)
        check_points_or_reward(form=self, found=found)
        self._check_sets(found)
        self._take_target(found)
        self._refuse_what_stands_still()
        self._look_at_what_it_costs(found)
        return found

    def _look_at_what_it_costs(self, found: dict[str, Any]) -> None:
        """Refuse points beyond any measure for the money asked for, and ask before much comes back, or at once."""
        if self.errors or self.unit is None:
            return
        metric, target, points = self.instance.metric, self.instance.target, found.get("points") or 0
        is_money = metric in metrics and metrics.get(metric).is_money
        if is_money and points > MOST_RATE * target:
            most = words.points(unit=self.unit, points=MOST_RATE * target)
            text = pgettext("loyalty", "That is too much for so little money: at most %(most)s.")
            self.add_error("points", text % {"most": most})
            return
        gift = GoalGift(points=points, reward=found.get("reward"), target=target if is_money else None)
        look_twice(form=self, questions=asked_about(unit=self.unit, gift=gift, before=self.stored_gift))

    def _check_start(self, found: dict[str, Any]) -> None:
        """Refuse a start that has passed, of which no order would be counted; empty it is now."""
        now, starts_at, ends_at = clock.now(), found.get("starts_at"), found.get("ends_at")
        if "starts_at" in self.errors:
            return
        if starts_at is None:
            starts_at = found["starts_at"] = now
        elif "starts_at" in self.changed_data and starts_at < now:
            text = pgettext("loyalty", "Orders from before now are not counted. Empty means: from now on.")
            self.add_error("starts_at", text)
        if ends_at and ends_at <= starts_at and "ends_at" not in self.errors:
            self.add_error("ends_at", pgettext("loyalty", "It ends before it begins."))

    def _make_code(self, found: dict[str, Any]) -> None:
        """Make the code from the name where none was typed; what is there already is said at the field."""
        if make_code(form=self, found=found) and Goal.objects.filter(program=self.program, code=found["code"]).exists():
            text = pgettext("loyalty", "There is a goal with this code already. Choose another code.")
            self.add_error("code", text)

    def _check_sets(self, found: dict[str, Any]) -> None:
        """Refuse product sets for what counts in none, and too few for what counts each of them once."""
        sets, metric = found.get("sets") or [], found.get("metric")
        if not metric or metric not in metrics:
            return
        least = getattr(metrics.get(metric), "least_sets", None)
        if sets and least is None:
            self.add_error("sets", pgettext("loyalty", "This does not count by products. Tick none."))
        elif len(sets) < (least or 0):
            text = npgettext("loyalty", "Tick at least %(count)s.", "Tick at least %(count)s.", least or 0)
            self.add_error("sets", text % {"count": money.number(least or 0)})
        elif len(sets) > MOST_SETS:
            text = pgettext("loyalty", "Tick at most %(count)s.") % {"count": money.number(MOST_SETS)}
            self.add_error("sets", text)
        elif sets and set(sets) == set(self.instance.set_codes):
            return  # In the order in which they are stored.
        self.instance.params = {**self.instance.params, "sets": sets} if sets else {}

    def _take_target(self, found: dict[str, Any]) -> None:
        """Store how much is asked for; a fraction that is none, nothing, and more than there is are refused."""
        typed, metric = found.get("takes"), found.get("metric")
        if typed is None or not metric:
            return
        places, sets = self._places(metric), found.get("sets") or []
        target = int(Decimal(typed).scaleb(places))
        if to_major(minor=target, exponent=places) != typed:
            self.add_error("takes", pgettext("loyalty", "Write a whole number."))
        elif not target:
            self.add_error("takes", pgettext("loyalty", "Everybody has reached that. Write more."))
        elif target > MOST_TARGET:
            self.add_error("takes", pgettext("loyalty", "That is more than can be stored."))
        elif getattr(metrics.get(metric), "are_marks", False) and target > len(sets) and "sets" not in self.errors:
            text = pgettext("loyalty", "Nobody can reach that: so many sets are ticked: %(count)s.")
            self.add_error("takes", text % {"count": money.number(len(sets))})
        self.instance.metric, self.instance.target = metric, min(target, MOST_TARGET)

    def _refuse_what_stands_still(self) -> None:
        """Refuse to change what members were promised once an order counts, which it may since the page was opened."""
        changed = [name for name in self.changed_data if name not in (*LaterGoalForm.Meta.fields, "is_meant")]
        if self.instance.pk and changed and self.instance.steps.exists():
            self.add_error(changed[0], pgettext("loyalty", "Orders count for it meanwhile, so this stays as it was."))
