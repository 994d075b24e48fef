"""Texts of several lines: kept with one character at the end of each, and saved as they are they have not changed."""

import pytest
from django.apps import apps
from django.db import models

from loyalty_oscar.program.lines import LinesField, LinesFormField

#: Texts that no form of staff shows: what is kept as proof, and what customers wrote.
NOT_OF_STAFF = {"loyalty_people.Consent.words", "loyalty_journeys.Answer.text", "loyalty_journeys.Case.text"}
TYPED = ["one\r\ntwo", "one\ntwo", "one\rtwo"]


class TestATextOfSeveralLines:
    @pytest.mark.parametrize("typed", TYPED)
    def test_is_kept_with_one_end_of_a_line_whatever_a_browser_sends(self, typed):
        assert LinesFormField().clean(typed) == "one\ntwo"

    @pytest.mark.parametrize("typed", TYPED)
    @pytest.mark.parametrize("kept", ["one\r\ntwo", "one\ntwo"])
    def test_has_changed_by_its_words_and_lines_alone(self, typed, kept):
        field = LinesFormField()
        assert not field.has_changed(kept, typed)
        assert field.has_changed(kept, f"{typed}\r\nthree") and field.has_changed("", typed)

    def test_may_be_empty(self):
        field = LinesFormField(required=False)
        assert (field.clean(None), field.has_changed(None, "")) == ("", False)

    def test_is_every_one_that_staff_type(self):
        texts = {
            f"{model._meta.label}.{field.name}": field
            for model in apps.get_models()
            if model.__module__.startswith("loyalty_oscar")
            for field in model._meta.fields
            if isinstance(field, models.TextField)
        }
        typed = {label: field for label, field in texts.items() if label not in NOT_OF_STAFF}
        assert len(typed) < len(texts)
        assert [label for label, field in typed.items() if not isinstance(field, LinesField)] == []
        assert {type(field.formfield()) for field in typed.values()} == {LinesFormField}
