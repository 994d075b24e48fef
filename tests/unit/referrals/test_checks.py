"""Codes that can be said on the phone, who may bring whom, and what the checks find: without a database."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.referrals import rules
from loyalty_oscar.referrals.rules import ALLOW, BLOCK, REVIEW, Pair, Person

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEFORE, AFTER = NOON - timedelta(days=1), NOON + timedelta(days=1)


def verdict(giver, newcomer):
    """What the checks say of two people, each told by what differs from a stranger."""
    pair = Pair(
        giver=Person(**{"user_id": 1, "email": "boris@example.com", **giver}),
        newcomer=Person(**{"user_id": 2, "email": "priya@example.com", **newcomer}),
        bound_at=NOON,
    )
    found = rules.findings(pair=pair)
    return rules.strictest(verdicts=[one.verdict for one in found]), [one.check for one in found]


LETTERS = "".join(chr(ord("a") + number) for number in range(26))
codes = st.lists(st.sampled_from([c + v for c in rules.CONSONANTS for v in rules.VOWELS]), min_size=4, max_size=4).map(
    lambda syllables: "".join(syllables) + rules.check_letter(letters="".join(syllables))
)


class TestACode:
    def test_is_four_syllables_and_a_check_letter_and_read_back_as_it_is(self):
        codes = [rules.new_code() for _n in range(500)]

        assert all(re.fullmatch(r"[bdfghkmnprstvz][aeiou]{1}[a-z]{2}-[a-z]{5}", code) for code in codes)
        assert [rules.read_code(text=code) for code in codes] == codes
        assert len(set(codes)) > 495

    @pytest.mark.parametrize(
        "typed",
        [
            *("bafi-muzob", "BAFI-MUZOB", " bafi muzob ", "bafimuzob", "Bafi\u2010muzob", "ＢＡＦＩ－ＭＵＺＯＢ"),
            "https://shop.example/loyalty/invite/bafi-muzob/",
            "shop.example/en/loyalty/invite/BAFI-muzob?utm_source=mail#top",
        ],
    )
    def test_is_read_however_it_is_typed(self, typed):
        assert rules.read_code(text=typed) == "bafi-muzob"
        assert not rules.has_typo(text=typed)

    @pytest.mark.parametrize(
        "typed",
        [
            *("", "bafi", "bafi-muzo", "bafi-muzob-bafi", "afib-muzob", "bafi;muzob", "bafi-muzob\r\n", "b" * 9000),
            *("../../x", "0" * 9),
        ],
    )
    def test_is_nothing_where_it_can_be_none(self, typed):
        assert rules.read_code(text=typed) == ""
        assert rules.has_typo(text=typed) == bool(typed)

    @given(st.text(max_size=60))
    def test_never_lets_anything_else_through(self, text):
        assert re.fullmatch(r"|[a-z]{4}-[a-z]{5}", rules.read_code(text=text))

    @given(codes)
    def test_finds_every_single_wrong_letter(self, code):
        assert not rules.has_typo(text=code)
        for place in range(len(code)):
            for letter in set(LETTERS) - {code[place]}:
                assert rules.has_typo(text=code[:place] + letter + code[place + 1 :])

    @given(codes)
    def test_finds_every_swap_of_neighbors_and_every_letter_too_few_or_too_many(self, code):
        for place in range(len(code) - 1):
            assert rules.has_typo(text=code[:place] + code[place + 1] + code[place] + code[place + 2 :])
        for place in range(len(code)):
            assert rules.has_typo(text=code[:place] + code[place + 1 :])
            assert rules.has_typo(text=code[: place + 1] + code[place:])

    @pytest.mark.parametrize("text", ["", "  "])
    def test_that_was_not_typed_has_no_typo(self, text):
        assert not rules.has_typo(text=text)


class TestWhoMayBringWhom:
    @given(st.lists(st.integers(0, 3), min_size=2, max_size=6))
    def test_closes_no_ring_of_any_length(self, days):
        people = [(NOON + timedelta(days=day), number) for number, day in enumerate(days)]
        ring = zip(people, [*people[1:], people[0]], strict=True)

        assert not all(rules.can_bring(giver=giver, newcomer=newcomer) for giver, newcomer in ring)


class TestTheChecks:
    @pytest.mark.parametrize(
        ("giver", "newcomer", "says", "named"),
        [
            ({}, {}, ALLOW, []),
            ({}, {"user_id": 1}, BLOCK, ["same-account"]),
            ({}, {"email": "Boris+x@example.com"}, BLOCK, ["same-email"]),
            ({"email": "b.o.ris@gmail.com"}, {"email": "boris@googlemail.com"}, BLOCK, ["same-email"]),
            ({"email": ""}, {"email": ""}, ALLOW, []),
            ({}, {"ordered_before": BEFORE}, BLOCK, ["known-customer"]),
            ({}, {"ordered_before": NOON}, ALLOW, []),
            ({}, {"ordered_before": AFTER}, ALLOW, []),
            ({"addresses": frozenset("a")}, {"addresses": frozenset("ab")}, REVIEW, ["same-address"]),
            ({"phones": frozenset("1")}, {"phones": frozenset("1")}, REVIEW, ["same-phone"]),
            ({"recipients": frozenset("r")}, {"recipients": frozenset("r")}, REVIEW, ["own-order"]),
            ({"addresses": frozenset("a")}, {"addresses": frozenset("b")}, ALLOW, []),
            (
                {"addresses": frozenset("a")},
                {"addresses": frozenset("a"), "ordered_before": BEFORE},
                BLOCK,
                ["known-customer", "same-address"],
            ),
        ],
    )
    def test_give_the_strictest_answer(self, giver, newcomer, says, named):
        found = verdict(giver, newcomer)
        assert (found[0], sorted(found[1])) == (says, named)

    def test_may_be_joined_by_the_stores_own(self):
        rules.referral_checks.register("of-the-store")(lambda *, pair: (REVIEW, rules.Because("of_the_store")))
        try:
            assert verdict({}, {}) == (REVIEW, ["of-the-store"])
        finally:
            rules.referral_checks.unregister("of-the-store")

    @pytest.mark.parametrize(
        "parts", [["Elm Street 1", "10115"], ["ELM  STREET 1,", "10115"], ["Elm-Street. 1", "10115"]]
    )
    def test_know_one_address_by_one_spelling(self, parts):
        assert rules.plain_address(parts=parts) == "elmstreet110115"
