"""Numbers and names as people read them, in their language."""

from datetime import UTC, datetime

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program import money, words
from loyalty_oscar.program.models import Program, Unit

PAWS = {
    "en": {"one": "paw", "other": "paws"},
    "de": {"one": "Pfote", "other": "Pfoten"},
    "pl": {"one": "łapka", "few": "łapki", "many": "łapek", "other": "łapki"},
    "ru": {"one": "лапка", "few": "лапки", "many": "лапок", "other": "лапки"},
}


class TestPoints:
    @pytest.mark.parametrize(
        ("language", "points", "expected"),
        [
            ("en", 1, "1 paw"),
            ("en", 0, "0 paws"),
            ("en", 118_400, "118,400 paws"),
            ("de", 1250, "1.250 Pfoten"),
            ("pl", 1, "1 łapka"),
            ("pl", 3, "3 łapki"),
            ("pl", 5, "5 łapek"),
            ("pl", 22, "22 łapki"),
            ("ru", 21, "21 лапка"),
            ("ru", 2, "2 лапки"),
            ("ru", 11, "11 лапок"),
            ("en", -7, "\N{MINUS SIGN}7 paws"),
        ],
    )
    def test_have_the_plural_of_the_language(self, language, points, expected):
        with translation.override(language):
            said = words.points(unit=Unit(names=PAWS), points=points)
        assert said.replace(words.NBSP, " ") == expected
        assert words.NBSP in said

    @pytest.mark.parametrize(
        ("own", "known", "expected"),
        [
            ("pl", ("ru", "pl", "de"), "2 łapki"),
            ("fr", ("ru", "pl", "de"), "2 Pfoten"),
            ("fr", ("de", "ru", "pl"), "2 Pfoten"),
            ("pl", ("pl", "en"), "2 paws"),
        ],
    )
    def test_nobody_named_in_the_language_are_named_in_english_else_in_the_shops_own(
        self, settings, own, known, expected
    ):
        settings.LANGUAGE_CODE = own
        with translation.override("fr"):
            said = words.points(unit=Unit(names={language: PAWS[language] for language in known}), points=2)
        assert said.replace(words.NBSP, " ") == expected

    def test_without_a_name_are_points(self):
        assert words.points(unit=Unit(), points=2, signed=True).replace(words.NBSP, " ") == "+2 points"


class TestAUnitThatIsMoney:
    unit = Unit(is_money=True, program=Program(currency="EUR"))

    @pytest.mark.parametrize(
        ("language", "points", "signed", "expected"),
        [
            ("en", 1250, False, "€12.50"),
            ("de", 1250, False, "12,50 €"),
            ("en", 0, True, "€0.00"),
            ("en", 5, True, "+€0.05"),
            ("en", -123_456, False, "\N{MINUS SIGN}€1,234.56"),
        ],
    )
    def test_reads_as_an_amount(self, language, points, signed, expected):
        with translation.override(language):
            said = words.points(unit=self.unit, points=points, signed=signed)
        assert said.replace(words.NBSP, " ") == expected

    @pytest.mark.parametrize(
        ("language", "points", "expected"),
        [("en", 1250, "12.50"), ("de", 123_400, "1.234,00"), ("en", -7, "\N{MINUS SIGN}0.07")],
    )
    def test_has_its_cents_without_the_currency_too(self, language, points, expected):
        with translation.override(language):
            assert words.number(unit=self.unit, points=points) == expected

    def test_has_the_decimals_of_its_currency(self):
        yen = Unit(is_money=True, program=Program(currency="JPY"))
        with translation.override("en"):
            assert words.points(unit=yen, points=1250) == "¥1,250"
            assert words.number(unit=yen, points=1250) == "1,250"
        assert words.parse(unit=yen, text="12.50") is None

    @pytest.mark.parametrize(
        ("text", "points"),
        [
            *[("12.50", 1250), ("12,50", 1250), ("12.5", 1250), ("12", 1200), ("0", 0), ("0.05", 5)],
            *[("12.505", None), ("1,234.50", 123_450), ("-5", None), ("12.", None), (".5", None), ("", None)],
            *[("9999999.99", 999_999_999), ("10000000", None), ("１２", None), ("1e3", None)],
        ],
    )
    def test_is_typed_as_an_amount(self, text, points):
        assert words.parse(unit=self.unit, text=text) == points

    @given(st.integers(0, 999_999_999))
    def test_stands_in_a_field_as_it_is_typed(self, points):
        for unit in (self.unit, Unit()):
            assert words.parse(unit=unit, text=words.typed(unit=unit, points=points)) == points


class TestABareNoun:
    @pytest.mark.parametrize(
        ("names", "language", "expected"),
        [
            (PAWS, "en", "Paws"),
            (PAWS, "pl", "Łapki"),
            ({"pl": {**PAWS["pl"], "title": "Łapy"}}, "pl", "Łapy"),
            ({}, "en", "Points"),
        ],
    )
    def test_is_the_title_of_the_language(self, names, language, expected):
        with translation.override(language):
            assert words.title(unit=Unit(names=names)) == expected

    def test_of_money_without_a_name_is_cashback(self):
        assert words.title(unit=Unit(is_money=True)) == "Cashback"


class TestTypedPoints:
    @pytest.mark.parametrize(("text", "points"), [("1250", 1250), ("0", 0), ("1,250", 1250), ("1.5", None), ("", None)])
    def test_are_a_whole_number(self, text, points):
        assert words.parse(unit=Unit(), text=text) == points


class TestMoney:
    @pytest.mark.parametrize(
        ("language", "currency", "minor", "expected"),
        [("en", "EUR", 1250, "€12.50"), ("de", "EUR", 1250, "12,50\xa0€"), ("en", "JPY", 1250, "¥1,250")],
    )
    def test_has_the_decimals_of_its_currency(self, language, currency, minor, expected):
        with translation.override(language):
            assert money.in_words(minor=minor, currency=currency) == expected

    @pytest.mark.parametrize("chosen", ["#,##0.00 ¤", {"EUR": {"format": "#,##0.00 ¤"}}])
    def test_stands_as_the_shop_writes_it(self, settings, chosen):
        settings.OSCAR_CURRENCY_FORMAT = chosen
        assert money.in_words(minor=1250, currency="EUR") == "12.50 €"


class TestADay:
    def test_is_said_in_the_zone_of_the_program(self):
        late = datetime(2026, 5, 5, 22, 30, tzinfo=UTC)
        assert words.day(late, zone="Europe/Berlin") == "6 May 2026"
        assert words.day(late, zone="UTC", year=False) == "5 May"


class TestAReason:
    def test_of_an_unknown_code_is_shown_as_itself(self):
        assert words.why(Because("someday", a=1)) == "someday"

    def test_survives_the_row_it_is_stored_in(self):
        because = Because("goods_returned", order=42, number="100042", units=1)
        assert Because.from_json(because.to_json()) == because
        assert words.why(because.to_json()) == "1 piece of order 100042 went back"
