"""The forms of a ladder: thresholds typed as money where money counts, rising with the rank."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import FileExtensionValidator
from django.utils.functional import cached_property
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.rounding import to_major
from loyalty_oscar.program import clock, money
from loyalty_oscar.program.forms import (
    Rows,
    as_money,
    check_promise,
    in_coins,
    make_code,
    offer_code,
    offer_program,
    offer_promise,
    refuse_over,
)
from loyalty_oscar.program.languages import language_name, languages
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.program.numbers import NumberField
from loyalty_oscar.program.queries import count_members
from loyalty_oscar.program.registries import metrics
from loyalty_oscar.program.second_look import (
    back_in_words,
    dearer,
    given_back,
    look_twice,
    meant_field,
    tell_cost,
    tick,
    too_much_back,
)

from .models import GivenTier, Ladder, MemberPrice, Standing, Tier
from .queries import counts_of
from .sentences import faults, metric_choices, stays

MOST = 10**15
#: A later end means none.
LAST_YEAR = 2999
PICTURES = ("png", "jpg", "jpeg", "gif", "webp")


class LadderForm(forms.ModelForm):
    """What counts, over which time, and how long the grace is. Asks before levels are switched off."""

    is_meant = meant_field()

    metric = forms.ChoiceField(
        label=pgettext_lazy("loyalty", "What counts"),
        choices=metric_choices,
        help_text=pgettext_lazy("loyalty", "Using or losing something never lowers it; a return does."),
    )

    class Meta:
        model = Ladder
        fields = ("program", "is_on", "metric", "window", "grace_days", "gifts_past")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "program" in self.fields:
            asked: Any = self.fields["program"]
            asked.queryset = Program.objects.filter(ladder=None)
            offer_program(form=self)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.instance.pk and self.initial.get("is_on") and data.get("is_on") is False:
            count = sum(counts_of(program_id=self.instance.program_id).values())
            text = npgettext(
                "loyalty",
                "%(count)s member would stand on no level any more, without its gifts, prices and early doors.",
                "%(count)s members would stand on no level any more, without its gifts, prices and early doors.",
                count,
            )
            if count:
                look_twice(form=self, questions=[tick(text % {"count": money.number(count)})])
        return data


class TierForm(forms.ModelForm):
    """One level. What it takes is typed as money, or as a whole number of points or orders."""

    ladder: Ladder
    unit: Unit | None
    takes = NumberField(
        label=pgettext_lazy("loyalty", "From"),
        required=False,
        min_value=Decimal(0),
        max_digits=14,
        decimal_places=2,
        help_text=pgettext_lazy(
            "loyalty",
            "Money of the program’s currency, or a number. 0: for every member. Empty: only given.",
        ),
    )

    is_meant = meant_field()

    class Meta:
        model = Tier
        fields = ("rank", "name", "code", "percent", "points", "reward", "color", "picture", "text")
        widgets = {"color": forms.TextInput(attrs={"type": "color"}), "text": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_code(form=self)

    def know(self, ladder: Ladder, unit: Unit | None, members: int = 0) -> None:
        """Learn from the ladder what the number counts, and from its unit and members what a gift is and costs."""
        self.ladder, self.unit = ladder, unit
        offer_promise(form=self, program=ladder.program if ladder.program_id else None)
        as_money(form=self, unit=unit, names=["points"])
        tell_cost(form=self, unit=unit, names=["points"], members=members)
        for language in self._languages():
            self.fields[name_field(language)].initial = self.instance.names.get(language, "")
        if counts_money(ladder=ladder) and ladder.program_id:
            in_coins(form=self, name="takes", currency=ladder.program.currency)
        if self.instance.pk and self.instance.threshold is not None:
            self.fields["takes"].initial = in_field(ladder=ladder, threshold=self.instance.threshold)

    def _languages(self) -> list[str]:
        """Return the languages that this form asks for a name in."""
        return [language for language in languages() if name_field(language) in self.fields]

    def clean_takes(self) -> Decimal | None:
        """Store the threshold; a fraction that is none is refused."""
        typed = self.cleaned_data["takes"]
        if typed is None:
            self.instance.threshold = None
            return None
        places = places_of(ladder=self.ladder)
        threshold = int(typed.scaleb(places))
        if to_major(minor=threshold, exponent=places) != typed:
            raise forms.ValidationError(pgettext("loyalty", "Write a whole number."))
        if threshold > MOST:
            raise forms.ValidationError(pgettext("loyalty", "That is more than can be stored."))
        self.instance.threshold = threshold
        return typed

    def currencies(self, name: str) -> tuple[str, str]:
        """Return the program's currency for what a level takes, where money counts."""
        is_money = name == "takes" and counts_money(ladder=self.ladder)
        currency = self.ladder.program.currency if is_money else ""
        return currency, currency

    def clean_rank(self) -> int:
        """Refuse to move a level that somebody stands or stood on."""
        rank, old = self.cleaned_data["rank"], self.initial.get("rank")
        if self.instance.pk and rank != old and Standing.objects.filter(tier_id=self.instance.pk).exists():
            text = pgettext("loyalty", "Members stand on this level or did; it stays number %(rank)s.")
            raise forms.ValidationError(text % {"rank": money.number(old or 0)})
        return rank

    def clean(self) -> dict[str, Any]:
        """
        Keep the names in other languages; ask before a level gives a lot, and refuse a gift of one that nobody has to
        reach.
        """
        data = super().clean() or {}
        make_code(form=self, found=data)
        check_promise(form=self)
        if data.get("takes") == 0 and data.get("points"):
            text = pgettext("loyalty", "Every member has this level, so nobody reaches it. Give something for joining.")
            self.add_error("points", text)
        elif data.get("takes") == 0 and data.get("reward"):
            text = pgettext("loyalty", "Every member has this level, so nobody reaches it: it brings no gift.")
            self.add_error("reward", text)
        typed = {language: (data.get(name_field(language)) or "").strip() for language in self._languages()}
        kept = {language: name for language, name in self.instance.names.items() if language not in typed}
        self.instance.names = {**kept, **{language: name for language, name in typed.items() if name}}
        look_twice(form=self, questions=dearer(form=self, unit=self.unit, names=["points"]))
        return data

    def clean_picture(self) -> Any:
        """Refuse a new file that is no picture for a web page: everybody loads it from the shop's own address."""
        picture = self.cleaned_data["picture"]
        if isinstance(picture, UploadedFile):
            only = FileExtensionValidator(PICTURES)
            forms.ImageField(validators=[only]).clean(picture)
            picture.seek(0)
        return picture


def counts_money(*, ladder: Ladder) -> bool:
    """Return whether money counts on a ladder."""
    return ladder.metric in metrics and metrics.get(ladder.metric).is_money


def name_field(language: str) -> str:
    """Return the name of the field for a level's name in a language."""
    return f"name_{language}"


def tier_form() -> type[TierForm]:
    """Return the form of a level with a field for its name in each of the shop's languages."""
    fields: dict[str, Any] = {
        name_field(language): forms.CharField(
            label=pgettext("loyalty", "Name in %(language)s") % {"language": language_name(language)},
            max_length=Tier._meta.get_field("name").max_length,
            required=False,
        )
        for language in languages()
    }
    form: Any = forms.models.ModelFormMetaclass("LevelForm", (TierForm,), {**fields, "__module__": __name__})
    return form


class MemberPriceForm(forms.ModelForm):
    """A lower price. Says what it comes to together with the points, and asks before much is given away."""

    is_meant = meant_field()

    class Meta:
        model = MemberPrice
        fields = ("tier", "product_set", "percent", "starts_at", "ends_at", "is_on")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "percent" in self.fields:
            back = self._back(self.instance.tier, self.instance.percent)
            self.fields["percent"].help_text = back_in_words(back)

    def _back(self, tier: Tier, percent: int) -> Decimal:
        """Return how much of the list price members have, off and in points, in percent."""
        points = given_back(program=tier.ladder.program, at=clock.now()) or Decimal(0)
        return percent + points * (100 - percent) / 100

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        refuse_over(form=self)
        tier, percent = data.get("tier"), data.get("percent")
        if tier and percent and percent > (self.initial.get("percent") or 0):
            back = self._back(tier, percent).quantize(Decimal("0.1"))
            look_twice(form=self, questions=too_much_back(program=tier.ladder.program, percent=back))
        return data


def places_of(*, ladder: Ladder) -> int:
    """Return how many decimals the ladder's numbers have: those of the currency where money counts, else none."""
    is_money = counts_money(ladder=ladder)
    program = Program.objects.filter(pk=ladder.program_id).first() if is_money else None
    return money.exponent(currency=program.currency) if program else 0


def in_field(*, ladder: Ladder, threshold: int) -> Decimal:
    """Return a threshold as it is typed."""
    return to_major(minor=threshold, exponent=places_of(ladder=ladder))


class TierFormSet(Rows):
    """All levels of one ladder: numbered without a gap, each taking more than the one below."""

    @cached_property
    def unit(self) -> Unit | None:
        """What the program counts, where it is known by now."""
        return Unit.objects.filter(program=self.instance.program_id).select_related("program").first()

    @cached_property
    def members(self) -> int:
        """How many people take part in the program."""
        return count_members(program=self.unit.program) if self.unit else 0

    def _construct_form(self, i: int, **kwargs: Any) -> Any:
        form = super()._construct_form(i, **kwargs)  # type: ignore[misc]  # Django has it, its stubs do not.
        if isinstance(form, TierForm):
            form.know(self.instance, self.unit, self.members)
        return form

    @property
    def empty_form(self) -> Any:
        form = super().empty_form
        if isinstance(form, TierForm):
            form.know(self.instance, self.unit, self.members)
        return form

    def is_valid(self) -> bool:
        """With the button that only previews nothing is saved: the page comes back as it was typed."""
        return super().is_valid() and "_preview" not in self.data

    def typed(self) -> list[Tier] | None:
        """Return the levels as they were typed, lowest first; None where something is wrong with them."""
        if not super().is_valid():
            return None
        kept = [form for form in self.forms if form.cleaned_data.get("rank") and not form.cleaned_data.get("DELETE")]
        return sorted((form.instance for form in kept), key=lambda tier: tier.rank)

    def clean(self) -> None:
        """Refuse to delete what somebody stands on, before Django does in words of its own."""
        gone = [form.instance for form in self.initial_forms if self._should_delete_form(form)]  # type: ignore[attr-defined]
        if kept := [text for tier in gone for text in stays(tier=tier)]:
            raise forms.ValidationError(kept)
        super().clean()
        filled = [form for form in self.forms if getattr(form, "cleaned_data", None) and form.cleaned_data.get("rank")]
        left = [form for form in filled if not form.cleaned_data.get("DELETE") and "takes" in form.cleaned_data]
        by_rank = {form.cleaned_data["rank"]: form for form in left}
        levels = [(rank, form.instance.threshold, form.cleaned_data.get("name", "")) for rank, form in by_rank.items()]
        for rank, text in faults(levels=levels):
            by_rank[rank].add_error("rank" if rank not in range(1, len(levels) + 1) else "takes", text)
        for rank, form in by_rank.items():
            if rank - 1 in by_rank:
                look_twice(form=form, questions=earns_less(form=form, below=by_rank[rank - 1]))


def earns_less(*, form: forms.ModelForm, below: forms.ModelForm) -> list[str]:
    """Return the question about a level that earns less than the one below it, where that was typed now."""
    less, more = form.cleaned_data.get("percent"), below.cleaned_data.get("percent")
    typed = {"percent", "rank"} & {*form.changed_data, *below.changed_data}
    if less is None or more is None or less >= more or not typed:
        return []
    text = pgettext(
        "loyalty",
        "Members of %(level)s would earn %(less)s\u00a0%%, less than those of %(below)s with %(more)s\u00a0%%.",
    )
    told = {"level": form.cleaned_data.get("name", ""), "below": below.cleaned_data.get("name", "")}
    return [tick(text % {**told, "less": money.number(less), "more": money.number(more)})]


class GiveForm(forms.Form):
    """A level given by hand: which, why, and through which day."""

    tier = forms.ModelChoiceField(Tier.objects.none(), label=pgettext_lazy("loyalty", "Level"))
    last_day = forms.DateField(
        label=pgettext_lazy("loyalty", "Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=pgettext_lazy("loyalty", "Empty: until it is taken back."),
    )
    reason = forms.CharField(
        label=pgettext_lazy("loyalty", "Reason"),
        max_length=GivenTier._meta.get_field("reason").max_length,
        widget=forms.TextInput(attrs={"size": 60}),
        help_text=pgettext_lazy("loyalty", "For your colleagues; members find it only in a download of their data."),
    )

    def __init__(self, *args: Any, ladder: Ladder, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone, self.at = ladder.program.time_zone, at
        tier: Any = self.fields["tier"]
        tier.queryset = ladder.tiers.exclude(threshold=0).order_by("rank")

    def clean_last_day(self) -> Any:
        day = self.cleaned_data["last_day"]
        if day and day.year > LAST_YEAR:
            raise forms.ValidationError(pgettext("loyalty", "Leave this empty for as long as nobody takes it back."))
        if day and day < periods.local_day(at=self.at, zone=self.zone):
            raise forms.ValidationError(pgettext("loyalty", "This day is over. Choose today or later."))
        return day

    @property
    def until(self) -> datetime | None:
        """The first moment after the last day; None without one."""
        day = self.cleaned_data["last_day"]
        return periods.start_of_day(day=day + timedelta(days=1), zone=self.zone) if day else None
