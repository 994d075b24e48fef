"""Numbers that no shop keeper types by intention: refused at the field, in words, wherever numbers are typed."""

from decimal import Decimal

import pytest
from django import forms
from django.contrib.admin import site
from django.db import models
from django.urls import reverse

from loyalty_oscar.program.models import PointWorth
from loyalty_oscar.program.numbers import LONG, NumberField, NumbersInWords
from loyalty_oscar.testing.factories import LadderFactory
from loyalty_oscar.tiers.models import MemberPrice
from tests.integration.admin.test_saved_unchanged import Form, our_admins
from tests.points import points_club
from tests.storefront import TODAY

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

    def test_tells_no_limit_of_ten_digits(self):
        with pytest.raises(forms.ValidationError, match=r"That is more than can be stored\."):
            NumberField(max_value=LONG, decimal_places=2).clean("9" * 20)
        with pytest.raises(forms.ValidationError, match="less than or equal to 100"):
            NumberField(max_value=100).clean("101")

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
            for one in our_admins()
            for page in (one, *(inline(one.model, one.admin_site) for inline in one.inlines))
            if any(isinstance(field, models.IntegerField) and field.editable for field in columns(page.model))
            and page.has_change_permission.__qualname__.split(".")[0] != "ReadOnly"
        ]
        assert len(edited) > 10
        assert [type(page).__name__ for page in edited if not isinstance(page, NumbersInWords)] == []

    def test_keeps_the_controls_of_the_admin(self, rf, admin_user):
        request = rf.get("/")
        request.user = admin_user
        fields = site._registry[MemberPrice].get_form(request).base_fields
        assert "vIntegerField" in str(fields["percent"].widget.render("percent", 5))

    def test_refuses_a_number_of_four_hundred_digits_before_it_reckons_with_it(self, staff):
        price = MemberPrice.objects.create(
            tier=LadderFactory(program=points_club().program).tiers.get(rank=1), percent=5, starts_at=TODAY
        )
        client = staff(superuser=True)[1]
        address = reverse("admin:loyalty_tiers_memberprice_change", args=[price.pk])
        answer = client.post(address, {**Form(client.get(address).content.decode()).data, "percent": "9" * 400})
        assert answer.context["adminform"].form.errors["percent"] == ["That is more than can be stored."]

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
