"""Numbers that no shop keeper types by intention: refused at the field, in words, wherever numbers are typed."""

from decimal import Decimal

import pytest
from django import forms
from django.db import models
from django.urls import reverse

from loyalty_oscar.program import numbers
from loyalty_oscar.program.models import PointWorth
from loyalty_oscar.program.numbers import NumberField
from tests.integration.admin.test_saved_unchanged import Form, our_admins
from tests.points import points_club

pytestmark = pytest.mark.django_db


def columns(model):
    return [field for field in model._meta.fields if not field.primary_key]


class TestANumberField:
    @pytest.mark.parametrize("typed", ["sNaN", "NaN", "-sNaN7", "Infinity", "-inf"])
    def test_refuses_what_is_a_number_for_python_alone(self, typed):
        field = NumberField(max_digits=9, decimal_places=2)
        assert field.has_changed(Decimal("1.00"), typed)
        with pytest.raises(forms.ValidationError, match=r"Enter a number\."):
            field.clean(typed)

    def test_is_the_only_one_with_decimals(self):
        def below(kind):
            for found in kind.__subclasses__():
                yield found
                yield from below(found)

        ours = [form for form in below(forms.BaseForm) if form.__module__.startswith("loyalty_oscar")]
        fields = [(form, name, field) for form in ours for name, field in getattr(form, "base_fields", {}).items()]
        plain = [
            f"{form.__name__}.{name}"
            for form, name, field in fields
            if isinstance(field, (forms.DecimalField, forms.FloatField)) and not isinstance(field, NumberField)
        ]
        assert fields and not plain


class TestAPage:
    def test_says_in_words_what_is_more_than_a_column_holds(self):
        """Django would tell the largest number of the column. Rows that nobody edits type none."""
        edited = [
            page
            for site in our_admins()
            for page in (site, *(inline(site.model, site.admin_site) for inline in site.inlines))
            if any(isinstance(field, models.IntegerField) and field.editable for field in columns(page.model))
            and page.has_change_permission.__qualname__.split(".")[0] != "ReadOnly"
        ]
        silent = [
            type(page).__name__
            for page in edited
            if page.formfield_overrides.get(models.IntegerField, {}).get("error_messages", {}).get("max_value")
            != numbers.TOO_MUCH
        ]
        assert len(edited) > 10 and silent == []

    @pytest.mark.parametrize(
        ("field", "typed", "said"),
        [
            ("worths-0-points", "9" * 20, "That is more than can be stored."),
            ("worths-0-points", str(2**63), "That is more than can be stored."),
            ("worths-0-amount", "sNaN", "Enter a number."),
        ],
    )
    def test_refuses_it_at_its_field(self, staff, field, typed, said):
        unit, (_user, client) = points_club(), staff(superuser=True)
        worth = PointWorth.objects.get(program=unit.program)
        address = reverse("admin:loyalty_program_program_change", args=[unit.program_id])
        form = Form(client.get(address).content.decode())
        answer = client.post(address, {**form.data, field: typed})
        assert answer.status_code == 200
        forms_of_rows = [row for inline in answer.context["inline_admin_formsets"] for row in inline.formset.forms]
        assert [said] in [texts for row in forms_of_rows for texts in row.errors.values()]
        worth.refresh_from_db()
        assert worth.points == PointWorth.objects.get().points
