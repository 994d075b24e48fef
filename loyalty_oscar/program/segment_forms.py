"""
The forms of a segment: members whom somebody names, or traits that must all be true of them.

A trait has fields of its own. Each time the page is sent it has a row for each trait, and one more for what was chosen
to be added; so traits are added without a script, and nothing is saved before the new row is filled in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin import site
from django.contrib.admin.widgets import ManyToManyRawIdWidget
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import pgettext, pgettext_lazy

from .forms import SeveralField, chosen, make_code, offer_code, offer_program
from .models import Member, Segment, SegmentMember
from .registries import traits
from .segments import members_of

#: More traits than that nobody asks for at once.
MOST_TRAITS = 20


class SegmentForm(forms.ModelForm):
    """What every segment has."""

    kind = ""

    class Meta:
        model = Segment
        fields = ("program", "name", "code")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.pk:
            self.instance.kind = self.kind
        offer_program(form=self)
        offer_code(form=self)
        self.program = chosen(form=self, name="program")

    def clean(self) -> dict[str, Any]:
        """Make the code from the name where none was typed; what is there already is said at the field."""
        data = super().clean() or self.cleaned_data
        rows = Segment.objects.filter(program=self.program)
        if make_code(form=self, found=data) and rows.filter(code=data["code"]).exists():
            text = pgettext("loyalty", "There is a group with this code already. Choose another code.")
            self.add_error("code", text)
        return data


class ListForm(SegmentForm):
    """A segment with the members that somebody names."""

    kind = Segment.Kind.LIST

    people = SeveralField(
        label=pgettext_lazy("loyalty", "Members"),
        queryset=Member.objects.all(),
        required=False,
        widget=ManyToManyRawIdWidget(
            SegmentMember._meta.get_field("member").remote_field,  # type: ignore[arg-type]  # A row each, not a table.
            site,
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["people"].initial = sorted(members_of(segment=self.instance))

    def clean(self) -> dict[str, Any]:
        """Refuse members of another program."""
        data = super().clean()
        if self.program and any(member.program_id != self.program.pk for member in data.get("people") or ()):
            self.add_error("people", pgettext("loyalty", "Some of them are members of another program."))
        return data


class SelectAndAdd(forms.Select):
    """A choice with the button that adds it."""

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        button = format_html(
            ' <button type="submit" class="button" name="_preview" value="1">{}</button>', pgettext("loyalty", "Add")
        )
        return super().render(*args, **kwargs) + button


def name_of(*, place: int, param: str) -> str:
    """Return the name of the field for a parameter of the trait at a place."""
    return f"t{place}_{param}"


#: What a row has beside the parameters: which trait it is, and whether it is to go. No parameter has a capital letter.
CODE, GONE = "Code", "Gone"


class RuleForm(SegmentForm):
    """A segment with the traits that must all be true: a row for each, at its place."""

    kind = Segment.Kind.RULE

    add = forms.ChoiceField(
        label=pgettext_lazy("loyalty", "This must be true, too"),
        required=False,
        widget=SelectAndAdd,
        help_text=pgettext_lazy("loyalty", "Nothing is saved until you have filled in what you added."),
    )

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        self.codes: list[str] = []
        self.has_added = False
        super().__init__(data, *args, **kwargs)
        self.stored = list(self.instance.traits)
        if self.is_bound:
            self._read()
        else:
            self.codes = [one["trait"] for one in self.stored]
        choices = [(code, capfirst(str(trait.label))) for code, trait in traits.items()]
        field: Any = self.fields["add"]
        field.choices = [("", "---------"), *sorted(choices, key=lambda choice: choice[1])]
        for place, code in enumerate(self.codes):
            self._lay(place, code)
        if self.has_added:
            self._offer(len(self.codes) - 1)

    def _read(self) -> None:
        """Take the rows as they were sent, and the one that is to be added."""
        while len(self.codes) < MOST_TRAITS and (code := self.data.get(name_of(place=len(self.codes), param=CODE))):
            self.codes.append(str(code)[:60])
        added = str(self.data.get("add"))
        if added in traits and self.program is not None and len(self.codes) < MOST_TRAITS:
            self.codes.append(added)
            self.has_added = True

    def _lay(self, place: int, code: str) -> None:
        """Add the fields of one row, as they are stored."""
        stored = self.stored[place] if place < len(self.stored) else {}
        is_same, label = stored.get("trait") == code, label_of(code=code)
        row = {CODE: forms.CharField(widget=forms.HiddenInput, initial=code), **self._params(code)}
        gone = pgettext("loyalty", "Take this out: %(what)s") % {"what": label}
        row[GONE] = forms.BooleanField(label=gone, required=False)
        for param, field in row.items():
            self.fields[name_of(place=place, param=param)] = field
            if is_same and param in stored["params"]:
                self.initial[name_of(place=place, param=param)] = stored["params"][param]
            if self.is_bound and self.data.get(name_of(place=place, param=GONE)):
                field.required = False

    def _params(self, code: str) -> Mapping[str, forms.Field]:
        if code not in traits or self.program is None:
            return {}
        return traits.get(code).fields(program_id=self.program.pk)

    def _offer(self, place: int) -> None:
        """Show the row that was added as if the page were opened with it."""
        sent: Any = self.data
        data = sent.copy()
        data["add"], data[name_of(place=place, param=CODE)] = "", self.codes[place]
        for name in self.names_at(place):
            if (initial := self.fields[name].initial) is not None and name not in data:
                data[name] = self.fields[name].prepare_value(initial)
        self.data = data

    def names_at(self, place: int) -> list[str]:
        """Return the names of the fields of a row."""
        return [name for name in self.fields if name.startswith(name_of(place=place, param=""))]

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Yield what each row is called, and the names of its fields."""
        for place, code in enumerate(self.codes):
            yield label_of(code=code), self.names_at(place)

    def is_valid(self) -> bool:
        # Adding and looking answer with the page again: nothing is saved, whatever was typed.
        return super().is_valid() and "_preview" not in self.data and not self.has_added

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        self.asked: list[dict[str, Any]] = []
        for place, code in enumerate(self.codes):
            is_new = self.has_added and place == len(self.codes) - 1
            if is_new or data.get(name_of(place=place, param=GONE)):
                self._pass_over(place)
            elif code not in traits:
                self.asked += [one for one in self.stored[place : place + 1] if one["trait"] == code]
            else:
                self._take(place, code, data)
        if not self.asked and not self.errors and not self.has_added:
            self.add_error("add", pgettext("loyalty", "Choose what must be true of them."))
        if not self.errors:
            self.instance.traits = self.asked
        return data

    def _pass_over(self, place: int) -> None:
        """Say nothing of a row that goes, or that nobody had the time to fill in."""
        for name in self.names_at(place):
            self.errors.pop(name, None)

    def _take(self, place: int, code: str, data: Mapping[str, Any]) -> None:
        """Take a row as it was typed; what is wrong with it stands at its field."""
        trait: Any = traits.get(code)
        names = {param: name_of(place=place, param=param) for param in self._params(code)}
        # Without a program nobody knows what the trait asks for.
        if self.program is None or any(name in self.errors for name in names.values()):
            return
        params = {param: data.get(name) for param, name in names.items()}
        wrong = trait.wrong(params=params) if hasattr(trait, "wrong") else {}
        for param, text in wrong.items():
            self.add_error(names[param], text)
        if not wrong:
            self.asked.append({"trait": code, "params": params})


def label_of(*, code: str) -> str:
    """Return what a trait is called; one whose app has left by its code."""
    return capfirst(str(traits.get(code).label)) if code in traits else code


FORMS: Sequence[type[SegmentForm]] = (ListForm, RuleForm)


def form_of(*, kind: str) -> type[SegmentForm]:
    """Return the form of segments of a kind."""
    return next(form for form in FORMS if form.kind == kind)
