"""Which language of a shop a code stands for, and which of several texts somebody reads."""

import pytest
from django.contrib.auth import get_user_model

from loyalty_oscar import extend
from loyalty_oscar.people.models import Contact
from loyalty_oscar.program.languages import in_language, offered, own_language
from loyalty_oscar.program.registries import traits
from loyalty_oscar.shop.notices.letters import language_of
from loyalty_oscar.testing.factories import MemberFactory
from tests.once import a_program
from tests.storefront import TODAY


@pytest.mark.parametrize(
    ("code", "stands_for"),
    [("de", "de"), ("de-at", "de"), ("en-gb", "en-gb"), ("en-us", "en"), ("en", "en"), ("fr", None), ("", None)],
)
def test_a_code_stands_for_the_nearest_language_that_is_offered(settings, code, stands_for):
    settings.LANGUAGES = [("de", "Deutsch"), ("en", "English"), ("en-gb", "British English")]
    assert offered(code=code) == stands_for


@pytest.mark.parametrize(
    ("language", "own", "read"),
    [
        ("pl", "en-gb", "en"),
        ("pl", "en", "en"),
        ("en-us", "de", "en"),
        ("de-ch", "en", "de"),
        ("fr", "en", "fr-ca"),
        ("pl", "fr", "fr-ca"),
        ("pl", "cs", "de"),
        ("", "cs", "de"),
    ],
)
def test_a_text_is_read_in_ones_language_else_in_the_shops_else_as_it_is(settings, language, own, read):
    settings.LANGUAGE_CODE = own
    texts = {code: code for code in ("de", "en", "fr-ca")}
    assert in_language(texts=texts, language=language) == read
    assert in_language(texts={}, language=language) is None


@pytest.mark.django_db
class TestMembers:
    @pytest.fixture
    def members(self):
        """Members of a program by the language that is known of them."""
        unit, found = a_program(), {}
        for code in ("", "de", "de-at", "en"):
            user = get_user_model().objects.create_user(f"who{code}", f"who{code}@example.com")
            found[code] = MemberFactory(program=unit.program, user=user)
            if code:
                Contact.objects.update_or_create(member=found[code], defaults={"language": code})
        return found

    @pytest.mark.parametrize(
        ("own", "wanted", "who"), [("en-us", "en", ["", "en"]), ("de-at", "de", ["", "de", "de-at"])]
    )
    def test_of_whom_nobody_knows_read_the_shops_language_whatever_its_region(
        self, settings, members, own, wanted, who
    ):
        settings.LANGUAGE_CODE, settings.LANGUAGES = own, [("de", "Deutsch"), ("en", "English")]
        assert own_language() == wanted
        program_id = members[""].program_id
        found = traits.get("language").holders(
            program_id=program_id, params={"languages": [wanted]}, at=TODAY, after=0, last=10**9
        )
        assert [code for code, member in members.items() if member.pk in found] == who

    def test_are_written_to_in_the_language_that_a_region_of_it_stands_for(self, settings, members):
        settings.LANGUAGE_CODE, settings.LANGUAGES = "en", [("de", "Deutsch"), ("en", "English")]
        extend.languages.register("of-tests", order=0)(lambda *, user: "de-at")
        try:
            with language_of(user=members["en"].user) as language:
                assert language == "de"
        finally:
            extend.languages.unregister("of-tests")
