"""Where customers get letters without asking, chosen on the program's page."""

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.program.countries import TypedCountries, countries_field
from loyalty_oscar.program.hooks import shop_countries
from loyalty_oscar.program.models import Program
from tests.integration.admin.test_saved_unchanged import Form
from tests.storefront import a_club, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def program():
    for code, name in {"AT": "Austria", "DE": "Germany"}.items():
        get_model("address", "Country").objects.create(iso_3166_1_a2=code, name=name, printable_name=name)
    return a_club().program


@pytest.fixture
def page(program):
    return reverse("admin:loyalty_program_program_change", args=[program.pk])


def save(client, page, **typed):
    form = Form(client.get(page).content.decode())
    form.data.update(typed)
    return client.post(page, form.data)


class TestTheCountries:
    def test_are_none_at_first(self, admin_client, program, page):
        save(admin_client, page)
        assert Program.objects.get().existing_customers == []

    def test_are_chosen_among_those_of_the_shop_and_taken_back(self, admin_client, program, page):
        offered = Form(admin_client.get(page).content.decode()).offered["existing_customers"]
        assert offered == ["AT", "DE"]
        assert save(admin_client, page, existing_customers=["DE"]).status_code == 302
        assert Program.objects.get().existing_customers == ["DE"]
        save(admin_client, page)
        assert Program.objects.get().existing_customers == ["DE"]
        save(admin_client, page, existing_customers=[])
        assert Program.objects.get().existing_customers == []

    def test_come_with_what_they_mean_by_law(self, admin_client, page):
        text = text_of(admin_client.get(page))
        assert "Law allows that in some countries only" in text
        assert "Who refused gets none" in text

    def test_that_nobody_knows_are_refused(self, admin_client, program, page):
        assert save(admin_client, page, existing_customers=["ZZ"]).status_code == 200
        assert Program.objects.get().existing_customers == []

    def test_stay_though_the_shop_forgot_one(self, admin_client, program, page):
        Program.objects.update(existing_customers=["CH"])
        save(admin_client, page)
        assert Program.objects.get().existing_customers == ["CH"]


class TestWhereTheShopKnowsNone:
    @pytest.fixture
    def field(self, monkeypatch):
        monkeypatch.setattr(shop_countries, "answers", lambda: iter(()))
        return countries_field(chosen=[], label="Where", help_text="")

    @pytest.mark.parametrize(
        ("typed", "found"),
        [("", []), (" , ", []), ("DE", ["DE"]), ("de, at", ["DE", "AT"]), ("DE;DE  AT,", ["DE", "AT"])],
    )
    def test_they_are_typed(self, field, typed, found):
        assert field.clean(typed) == found
        assert not field.has_changed(found, field.prepare_value(found))

    @pytest.mark.parametrize("typed", ["XX", "EU", "D", "DEU", "001", "ZZ", "SU", "D\x00"])
    def test_what_is_none_is_refused(self, field, typed):
        assert isinstance(field, TypedCountries)
        with pytest.raises(ValidationError):
            field.clean(f"DE, {typed}")
