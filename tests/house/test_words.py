"""What customers read is short, human and whole, so that it can be read aloud and put into any language."""

import re

import pytest

from tests.words import MARKUP, ROOT, in_text, paths, sentences, spoken

MOST = 25
#: Words of the books: what a shopper reads instead stands in docs/explanation/words.md.
INSIDE = re.compile(
    r"\b(availab\w+|pending|liabilit\w+|breakage|claw\w*|claw-?backs?|debts?|holds?|qualifying|multipliers?|hold-?outs?"
    r"|lots?|entr(?:y|ies)|snapshots?|standings?)\b",
    re.IGNORECASE,
)
#: Words of our code, which staff read nowhere either: they have a shop keeper's words for these things.
OF_CODE = re.compile(
    r"\b(sweeps?|entr(?:y|ies)|lots?|segments?|snapshots?|occurrences?|dirty|fingerprints?|payloads?|cursors?|pk)\b",
    re.I,
)
#: What no sentence ends with: it waits for a neighbor, which other languages put elsewhere.
WAITING = {
    *("a", "an", "and", "as", "because", "but", "by", "for", "from", "if", "of", "or", "than", "that", "the", "to"),
    *("until", "your"),
}
#: What is no sentence alone.
FRAGMENTS = WAITING | {
    *("are", "at", "be", "brings", "gets", "has", "have", "in", "is", "on", "then", "was", "were", "with", "worth"),
}
#: Phrases of their own in the sentence of a rule or a group, parted by commas in any order; and a unit without a name.
PHRASES = {
    *("loyalty_oscar/earning/sentences.py", "loyalty_oscar/earning/words.py", "loyalty_oscar/program/words.py"),
    # What is true of members stands in a row of such parts.
    *("loyalty_oscar/people/traits.py", "loyalty_oscar/people/traits_consent.py", "loyalty_oscar/tiers/traits.py"),
    *("loyalty_oscar/ledger/traits.py", "loyalty_oscar/journeys/traits.py", "loyalty_oscar/program/segment_words.py"),
    *(f"loyalty_oscar/shop/segments/{name}.py" for name in ("bought", "channel", "language")),
}
#: Numbers with their unit, which may be one: a verb after them would have to agree.
COUNTED = r"(?<!rder )%\((?:points|number|left|gift|total|worth|newcomer|giver|to_make_up|to_keep|missing)\)[sd]"
AGREES = re.compile(COUNTED + r"(?:</?\w+>)? (?:are|were|have|make|do|take|pay|cost|stay|run|go|is|was|has|stands?)\b")
#: A letter beside a placeholder: an ending that fits one language and one word.
ENDING = re.compile(r"[^\W\d_]%\(|%\(\w+\)[sd][^\W\d_’']*[’']?[^\W\d_]")
BENDING = re.compile(r"\|(?:capfirst|lower|upper|title)\b|\bcapfirst\(|\.(?:capitalize|title|lower|upper)\(\)")
TAGS = re.compile(
    r"{%\s*blocktrans(?:late)?\b.*?{%\s*endblocktrans(?:late)?\s*%}|{%\s*comment.*?{%\s*endcomment\s*%}|{%.*?%}|{{.*?}}"
    r"|{#.*?#}",
    re.DOTALL,
)
#: What is called the same in every language.
NAMES = {"WhatsApp"}
CATALOGUE = sentences()


def too_long(form: str) -> bool:
    return len(spoken(form).split()) > MOST


def from_the_books(form: str) -> bool:
    return bool(INSIDE.search(spoken(form)))


def is_a_piece(form: str) -> bool:
    """Whether a form begins or ends in the middle of a sentence."""
    text = MARKUP.sub("", form)
    first, last = re.match(r"[^\W\d_]*", text)[0], re.findall(r"[^\W\d_]*$", text)[0]
    is_open = text != text.strip() or text[-1] in ";-–—(" or text[0] in ",;.()" or last.lower() in WAITING
    return is_open or first[:1].islower() or first in {"And", "Or", "But"} or text.lower() in FRAGMENTS


def bends_a_word(forms: tuple[str, ...]) -> bool:
    """Whether words are given endings here, or would have to agree with what takes the place of a placeholder."""
    title = any(re.search(r"(?<!^)(?<!: )%\(unit\)s", form) for form in forms)
    agrees = len(forms) == 1 and AGREES.search(forms[0])
    return title or bool(agrees) or any(ENDING.search(form) for form in forms)


def outside_the_catalogue(text: str) -> list[str]:
    """Words that a template says without the catalogue."""
    text = MARKUP.sub(" ", re.sub(r"<(script|style|title)\b.*?</\1>", " ", TAGS.sub("", text), flags=re.DOTALL))
    return [word for word in re.findall(r"(?<![&#\w])[^\W\d_]{2,}(?!;)", text) if word not in NAMES]


class TestEverySentenceThatCustomersRead:
    def test_is_found(self):
        told = {one.told: one for one in CATALOGUE}
        assert "%(days)s" not in " ".join(told)
        assert "How the ‹program› works" in told
        assert len(told["How the ‹program› works"].places) > 3
        assert "Rounded down" in told, "the words of a why"
        assert "Happy birthday, ‹first_name›" in told, "a mail"
        assert not [one for one in CATALOGUE if "admin/" in "".join(one.places)]

    def test_is_short(self):
        assert [one.told for one in CATALOGUE if any(map(too_long, one.forms))] == []

    def test_has_no_word_of_the_books(self):
        assert [one.told for one in CATALOGUE if any(map(from_the_books, one.forms))] == []

    def test_has_no_name_of_a_class(self):
        """A name that was changed everywhere is changed in sentences, too."""
        named = re.compile(r"\b(?!WhatsApp\b)[A-Z][a-z]+[A-Z][a-z]+\w*")
        assert [one.told for one in CATALOGUE if any(map(named.search, one.forms))] == []

    def test_is_whole(self):
        whole = [one for one in CATALOGUE if not PHRASES & {place.partition(":")[0] for place in one.places}]
        assert [one.told for one in whole if any(map(is_a_piece, one.forms))] == []

    def test_bends_no_word(self):
        assert [one.told for one in CATALOGUE if bends_a_word(one.forms)] == []

    def test_is_bent_by_no_code(self):
        files = {path.relative_to(ROOT).as_posix(): path for path in paths()}
        bent = {name for name, path in files.items() if BENDING.search(path.read_text(encoding="utf-8"))}
        assert {name for name in bent if "/templates/" in name} == set()

    def test_stands_in_the_catalogue(self):
        templates = [path for path in paths() if path.suffix in {".html", ".txt"}]
        found = {path.name: outside_the_catalogue(path.read_text(encoding="utf-8")) for path in templates}
        assert {name: words for name, words in found.items() if words} == {}


class TestEverySentenceThatStaffRead:
    def test_has_no_word_of_our_code(self):
        found = {}
        for path in sorted((ROOT / "loyalty_oscar").rglob("*")):
            if path.suffix == ".py" or ("templates" in path.parts and path.suffix in {".html", ".txt"}):
                for line, _context, forms in in_text(
                    path.read_text(encoding="utf-8"), is_template=path.suffix != ".py"
                ):
                    said = " ".join(re.sub("‹.*?›", "", spoken(form)) for form in forms)
                    if OF_CODE.search(said):
                        found[f"{path.relative_to(ROOT)}:{line}"] = said
        assert found == {}


class TestAFault:
    """The rules can fail."""

    @pytest.mark.parametrize(
        "form", [" and ", "of %(whole)s", "You are in the", "(the rest", "Worth", "And more", "on %(day)s"]
    )
    def test_a_piece_is_seen(self, form):
        assert is_a_piece(form)

    @pytest.mark.parametrize(
        "forms",
        [
            ("%(name)s’s invitation",),
            ("%(day)ss left",),
            ("Use your %(unit)s",),
            ("%(points)s are ready.",),
            ("pre%(name)s",),
        ],
    )
    def test_a_bent_word_is_seen(self, forms):
        assert bends_a_word(forms)

    @pytest.mark.parametrize(
        "forms",
        [
            ("%(unit)s: 10 %% more",),
            ("Hello %(name)s,",),
            ("%(n)s day left", "%(n)s days left"),
            ("%(points)s for you",),
        ],
    )
    def test_what_is_well_is_not(self, forms):
        assert not bends_a_word(forms)

    def test_a_word_of_the_books_is_seen(self):
        assert from_the_books("Your pending points")
        assert from_the_books("A hold of %(points)s")
        assert not from_the_books("Hold-all".replace("-", "")) and not from_the_books("A lottery")

    def test_a_long_one_is_seen(self):
        assert too_long("word " * (MOST + 1))
        assert not too_long("word " * MOST)

    def test_a_word_outside_the_catalogue_is_seen(self):
        text = '<p class="mb-0">{% translate "In" context "loyalty" %} {{ x }} left &amp; right</p>'
        assert outside_the_catalogue(text) == ["left", "right"]

    def test_entries_are_read_from_templates_and_code(self):
        text = """{% blocktranslate trimmed count n=n context "loyalty" %}
            {{ n }} day
        {% plural %}
            {{ n }} days
        {% endblocktranslate %}"""
        assert list(in_text(text, is_template=True)) == [(1, "loyalty", ("%(n)s day", "%(n)s days"))]
        code = 'pgettext(\n    "loyalty", "Done"\n)'
        assert list(in_text(code, is_template=False)) == [(2, "loyalty", ("Done",))]
