"""A currency is one that people pay with, wherever one is typed."""

import pytest
from django.core.exceptions import ValidationError

from loyalty_oscar.program.models import PointWorth, Program
from loyalty_oscar.redemption.models import LeastOrder
from loyalty_oscar.shop.upkeep.checks import check_currency

#: No currency, one for tests, metals, a unit of account, one of bonds, none at all, and one in small letters.
UNPAID = ["X" * 3, "XTS", "XAU", "XAG", "XDR", "XBA", "CHE", "XYZ", "eur", "€", ""]
#: Also without cents, with three decimals, shared by countries, young, and gone.
PAID = ["EUR", "USD", "JPY", "KWD", "XOF", "XCG", "DEM"]


def faults(model, code):
    try:
        model(currency=code).clean_fields()
    except ValidationError as error:
        return error.message_dict.get("currency", [])
    return []


@pytest.mark.parametrize("model", [Program, PointWorth, LeastOrder])
class TestAForm:
    @pytest.mark.parametrize("code", UNPAID)
    def test_refuses_what_nobody_pays_with(self, model, code):
        said = faults(model, code)
        assert len(said) == 1
        assert not code or "Write a currency that people pay with" in said[0]

    @pytest.mark.parametrize("code", PAID)
    def test_takes_what_people_pay_with(self, model, code):
        assert faults(model, code) == []


@pytest.mark.parametrize(("code", "ids"), [("XTS", ["loyalty_shop.W008"]), ("GBP", [])])
def test_a_check_looks_at_the_currency_of_the_shop(settings, code, ids):
    settings.OSCAR_DEFAULT_CURRENCY = code
    assert [found.id for found in check_currency()] == ids
