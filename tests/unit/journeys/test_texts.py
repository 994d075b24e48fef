"""What the placeholders of a letter become."""

import pytest

from loyalty_oscar.journeys.texts import fill, unknown


class TestAMemberWithoutAName:
    @pytest.mark.parametrize(
        ("text", "read"),
        [
            ("Thank you, {first_name}", "Thank you"),
            ("Is something running low, {first_name}?", "Is something running low?"),
            ("Hello {first_name},\n\nall is well.", "Hello,\n\nall is well."),
            ("{first_name}, all the best!", "all the best!"),
            ("Dear you,\n{first_name}, all the best!", "Dear you,\nall the best!"),
            ("Hello, {first_name}, all the best!", "Hello, all the best!"),
            ("{first_name}", ""),
        ],
    )
    def test_leaves_no_comma_behind(self, text, read):
        assert fill(text=text, values={"first_name": ""}) == read

    def test_leaves_what_else_is_listed(self):
        values = {"first_name": "", "gift": "{shop}", "shop": "Pets"}
        assert fill(text="{first_name}, {gift}, from {shop}", values=values) == "{shop}, from Pets"


def test_a_member_with_a_name_is_called_by_it():
    text = "{first_name}, thank you, {first_name}. Hello, {first_name}!"
    assert fill(text=text, values={"first_name": "Ada"}) == "Ada, thank you, Ada. Hello, Ada!"


def test_what_is_no_placeholder_is_named_as_it_is_written_and_stays():
    text = "{name}, see, {link} and {name}"
    assert unknown(text) == ["{name}"]
    assert fill(text=text, values={"link": "x"}) == "{name}, see, x and {name}"
