"""Because and the registry: what is stored for ever, and who may claim a code."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import UnknownCode
from loyalty_oscar.kernel.registry import AlreadyRegistered, Registry
from loyalty_oscar.kernel.sources import number_of

codes = st.from_regex(r"[a-z][a-z_]{0,20}", fullmatch=True)
values = st.integers() | st.text() | st.lists(st.integers() | st.text(), max_size=3)


class TestBecause:
    def test_is_short_where_it_has_no_parameters(self):
        assert Because("ran_out").to_json() == {"c": "ran_out"}

    @given(codes, st.dictionaries(codes.filter(lambda code: code not in {"code", "self"}), values, max_size=4))
    def test_comes_back_from_a_row_as_it_went(self, code, params):
        because = Because(code, **params)
        assert Because.from_json(json.loads(json.dumps(because.to_json()))) == because

    def test_cannot_be_changed(self):
        because = Because("full_steps", steps=12)
        with pytest.raises(AttributeError):
            because.code = "other"
        assert because == Because("full_steps", steps=12)


class TestARegistry:
    def test_gives_its_things_in_order_of_their_codes(self):
        registry = Registry[int]("number")
        registry.register("b")(2)
        registry.register("a")(1)
        assert registry.items() == [("a", 1), ("b", 2)]
        assert list(registry) == ["a", "b"]
        assert "a" in registry

    def test_refuses_a_second_claim_and_keeps_the_first(self):
        registry = Registry[object]("rule")
        first, second = object(), object()
        registry.register("a")(first)
        registry.register("a")(first)
        with pytest.raises(AlreadyRegistered, match="choose another code"):
            registry.register("a")(second)
        assert registry.get("a") is first

    def test_names_what_there_is_where_a_code_is_unknown(self):
        registry = Registry[int]("rule")
        registry.register("per-amount")(1)
        with pytest.raises(UnknownCode, match="there are: per-amount"):
            registry.get("per-mount")

    def test_forgets_what_it_is_told_to(self):
        registry = Registry[int]("rule")
        registry.register("a")(1)
        registry.unregister("a")
        registry.unregister("a")
        assert "a" not in registry


class TestANameOfASource:
    @pytest.mark.parametrize(
        ("name", "kind", "number"),
        [
            *[("order:42", "order", 42), ("basket:7", "basket", 7)],
            *[("order:42", "basket", None), ("order:x", "order", None), ("order", "order", None), ("", "order", None)],
        ],
    )
    def test_gives_its_number_where_the_kind_is_asked_for(self, name, kind, number):
        assert number_of(name=name, kind=kind) == number
