"""The docs say what the code does: examples run, and the reference leaves nothing out."""

import re
from dataclasses import fields
from datetime import UTC, datetime

import pytest
from django.urls import get_resolver

from loyalty_oscar import extend
from loyalty_oscar.earning.decision import decide
from loyalty_oscar.earning.rules import RuleInForce, Terms, build
from loyalty_oscar.kernel.errors import BadRule
from loyalty_oscar.kernel.facts import LineFacts, Purchase
from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.program.conf import LoyaltySettings
from loyalty_oscar.program.events import consumers, topics
from loyalty_oscar.program.words import reasons, why
from loyalty_oscar.shop.notices.letters import inbox_texts, letters
from tests import docs
from tests.docs import DOCS, EXAMPLES, ROOT, load
from tests.functional.every_key import every_key

SOURCES = sorted((ROOT / "loyalty_oscar").rglob("*.py"))


@pytest.fixture(scope="module")
def extension():
    """The Sphinx extension that fills the reference pages."""
    return load(DOCS / "_ext" / "loyalty_reference.py")


@pytest.fixture(scope="module")
def reference(extension) -> str:
    """All pages of the reference as one text."""
    return "\n".join(extension.fill(page.read_text("utf-8")) for page in sorted((DOCS / "reference").glob("*.md")))


@pytest.fixture
def own_rules():
    """The rules of the how-to, registered for one test."""
    with docs.own_rules() as module:
        yield module


def purchase(*, products: int, day: int = 2) -> Purchase:
    """So many different products at 10.00; 2 June 2026 is a Tuesday."""
    lines = tuple(LineFacts(line_id=n, product_id=n, quantity=1, paid_minor=1000) for n in range(products))
    return Purchase(currency="EUR", placed_at=datetime(2026, 6, day, 12, tzinfo=UTC), lines=lines)


class TestARuleOfYourOwn:
    def given(self, **bought) -> int:
        rule = build(registry=extend.earning_rules, code="many-products", params={"points": 30, "products": 3})
        on = build(registry=extend.conditions, code="weekday", params={"day": "Tue"})
        found = RuleInForce(code="many", name="Many things", version_id=1, rule=rule, conditions=(on,))
        return decide(purchase=purchase(**bought), rules=[found], terms=Terms(zone="Europe/Berlin")).points

    def test_gives_its_points_when_its_day_has_come(self, own_rules):
        assert self.given(products=3) == 30

    @pytest.mark.parametrize("bought", [{"products": 2}, {"products": 3, "day": 3}])
    def test_gives_none_for_less_or_on_another_day(self, own_rules, bought):
        assert self.given(**bought) == 0

    def test_says_why_in_words(self, own_rules):
        because = own_rules.ManyProducts(points=30, products=3).because()

        assert why(because) == "For at least 3 products in one order"

    @pytest.mark.parametrize("params", [{"points": 0}, {"points": 5, "products": 1}])
    def test_refuses_nonsense_when_it_is_built(self, own_rules, params):
        with pytest.raises(BadRule):
            build(registry=extend.earning_rules, code="many-products", params=params)


class TestTheExampleOfAStoresTest:
    test_holds = staticmethod(load(EXAMPLES / "test_points.py").test_an_order_earns_and_its_points_become_ready)


class TestTheReference:
    def test_lists_every_setting_with_its_default(self, extension):
        page = extension.PARTS["settings"]()

        for spec in fields(LoyaltySettings):
            assert f"## LOYALTY_{spec.name}\n\n{spec.metadata['doc']}" in page
            assert extension.in_words(getattr(LoyaltySettings(), spec.name)) in page

    def test_lists_every_command_with_its_options(self, extension):
        page = extension.PARTS["commands"]()
        there = {path.stem for path in SOURCES if path.stem.startswith("loyalty_") and path.parent.name == "commands"}

        assert there == set(extension.command_names())
        for name in there:
            options = [option for action in extension.options_of(name) for option in action.option_strings]
            assert [option for option in [f"## {name}\n", *options] if option not in page] == []

    def test_has_words_for_every_because_code(self, extension):
        page = extension.PARTS["because-codes"]()

        assert [code for code in reasons if f"| `{code}` |" not in page] == []

    def test_lists_every_topic_with_what_stands_in_its_payload(self, extension):
        page = extension.PARTS["events"]()

        assert "<!-- generated: events -->" in (DOCS / "reference/events.md").read_text("utf-8")
        assert page.count("\n") == len(list(topics)) + 1
        for name, topic in topics.items():
            said = ", ".join(f"`{field}`: {what}" for field, what in topic.payload.items())
            assert f"| `{name}` | {topic.version} | {topic.text} | {said} |" in page

    def test_says_of_which_topics_members_are_told(self):
        page = (DOCS / "reference/events.md").read_text("utf-8")

        assert set(letters) == set(topics)
        assert "| `mail` | all |" in page
        assert f"| `inbox` | {', '.join(f'`{name}`' for name in inbox_texts)} |" in page
        assert {name for name in consumers if f"| `{name}` |" not in page} == set()

    @pytest.mark.parametrize(
        "pattern",
        [
            r"loyalty_(?:program|ledger|earning|shop)\.[EW]\d{3}",
            r"code=\"(LOYALTY_[A-Z_]+)\"",
            r"get_messages\(\"(LOYALTY_[A-Z_]+)\"",
            r"@task\(\"([a-z_]+)\"\)",
        ],
    )
    def test_lists_every_name_of_its_kind(self, reference, pattern):
        names = {name for path in SOURCES for name in re.findall(pattern, path.read_text("utf-8"))}

        assert names
        assert {name for name in names if f"`{name}`" not in reference} == set()

    def test_lists_every_name_of_an_address(self, reference):
        _prefix, resolver = get_resolver().namespace_dict["loyalty"]
        names = {name for name in resolver.reverse_dict if isinstance(name, str)}

        assert {name for name in names if f"`{name}`" not in reference} == set()

    def test_lists_every_template_of_oscars_that_we_extend(self, reference):
        folder = ROOT / "loyalty_oscar/shop/templates"
        names = {path.relative_to(folder).as_posix() for path in folder.glob("oscar/**/*.html")}

        assert {name for name in names if "/emails/" not in name and f"`{name}`" not in reference} == set()

    def test_names_every_number_that_a_page_shows(self, reference):
        pages = (ROOT / "loyalty_oscar/shop/templates/loyalty").rglob("*.html")
        names = {name for page in pages for name in re.findall(r'data-loyalty="(\w+)"', page.read_text("utf-8"))}

        assert {name for name in names if f"`{name}`" not in reference} == set()

    def test_names_every_registry_at_the_door(self):
        named = {name for name in extend.__all__ if isinstance(getattr(extend, name), Registry)}
        rows = re.findall(
            r"^\| ((?:`\w+`(?:, )?)+) \| ", (DOCS / "reference/extend.md").read_text("utf-8"), re.MULTILINE
        )

        assert named - {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set()

    @pytest.mark.parametrize(
        ("registry", "heading", "patterns"),
        [
            ("checks", "Occasions of checks", [r"said\(\"([a-z-]+)\"", r"name\.startswith\(\"([a-z-]+):\"\)"]),
            (
                "panels",
                "Places of panels",
                [
                    r"{% loyalty_pieces \"([a-z-]+)\"",
                    r"rendered\(page=\"([a-z-]+)\"",
                    r"{% loyalty_panels \"([a-z-]+)\"",
                    r"piece\((?:context, |name=)\"([a-z-]+):",
                    r"name\.startswith\(\"([a-z-]+):\"\)",
                ],
            ),
        ],
    )
    def test_names_what_a_check_or_a_panel_is_asked_for(self, registry, heading, patterns):
        page = (DOCS / "reference/extend.md").read_text("utf-8").partition(f"## {heading}")[2].partition("\n## ")[0]
        told = set(re.findall(r"`([a-z-]+):`", page))
        texts = [path.read_text("utf-8") for path in [*SOURCES, *(ROOT / "loyalty_oscar").rglob("*.html")]]
        named = re.compile(rf"\b{registry}\.register\(\"([a-z-]+):")
        filled = {name for text in texts for name in named.findall(text)}
        asked = {name for text in texts for pattern in patterns for name in re.findall(pattern, text)}

        assert told == filled
        assert filled - asked == set()


class TestTheHouse:
    def test_tells_of_every_app(self):
        page = (DOCS / "explanation/house.md").read_text("utf-8")
        apps = {path.parent.name for path in (ROOT / "loyalty_oscar").glob("*/__init__.py")}

        assert {app for app in apps if f"| `{app}` |" not in page} == set()

    def test_is_in_the_index_with_every_decision(self):
        pages = sorted(path.name for path in (DOCS / "decisions").glob("0*.md"))

        assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))


class TestTheKeysOfTheLedger:
    """Everything that the house can post, in one shop: each entry has its row in the reference, each row an entry."""

    @pytest.fixture
    def patterns(self):
        """The keys of the table, as regular expressions: any number, any hexadecimal word, anything."""
        table = (DOCS / "reference/ledger.md").read_text("utf-8").partition("## Keys")[2].partition("\n## ")[0]
        rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
        keys = [key for names, said in rows for key in re.findall(r"`([^`]+)`", names + said) if ":" in key]
        spelled = {"UUID": "[0-9a-f-]{36}", "…": ".+"}
        return {
            key: re.compile("".join(spelled.get(part) or re.sub(r"\d+", r"\\d+", re.escape(part)) for part in parts))
            for key in keys
            for parts in [re.split("(UUID|…)", key)]
        }

    @pytest.mark.django_db
    def test_are_in_the_reference_and_the_reference_says_no_other(self, patterns, tmp_path):
        keys = set(every_key(tmp_path))

        assert {key for key in keys if not any(pattern.fullmatch(key) for pattern in patterns.values())} == set()
        assert {row for row, pattern in patterns.items() if not any(map(pattern.fullmatch, keys))} == set()


class TestTheWorkedExample:
    def test_takes_back_all_that_the_order_brought(self):
        example = load(DOCS / "_ext" / "loyalty_example.py")
        taken, left = zip(*((int(row[1]), int(row[2])) for row in example.returns()), strict=True)

        assert sum(taken) == example.decided().points == 225
        assert left[-1] == 0


class TestTheExampleOfARefund:
    example = load(DOCS / "_ext" / "loyalty_refund.py")

    def test_spreads_the_points_over_the_lines_to_the_cent(self):
        assert self.example.used().parts == (138, 66, 296)
        assert sum(self.example.paid_of_lines()) == 7920 - 500 == 7420

    def test_says_of_one_toy_what_the_page_says_in_words(self):
        assert self.example.steps()[0] == ("one rope toy", 487, 33, 5)

    def test_ends_with_all_money_all_points_and_nothing_earned(self):
        steps = self.example.steps()

        assert [sum(step[place] for step in steps) for place in (1, 2, 3)] == [7420, 500, 74]


class TestTheReadme:
    def test_shows_the_three_edits_that_the_bare_shop_makes(self):
        readme = (ROOT / "README.md").read_text("utf-8")
        shop = "".join(path.read_text("utf-8") for path in (ROOT / "tests/projects/bare").glob("*.py"))

        for edit in (
            "INSTALLED_APPS = [*loyalty_oscar.SUITE, *INSTALLED_APPS]",
            '"loyalty_oscar.shop.middleware.LoyaltyMiddleware"',
            'path("loyalty/", include("loyalty_oscar.urls"))',
        ):
            assert edit in readme
            assert edit in shop

    def test_shows_pictures_that_are_there_and_light(self):
        pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
        named = {page.parent / name for page in pages for name in re.findall(r"[\w./-]+\.png", page.read_text("utf-8"))}

        assert named
        assert [str(path) for path in named if path.stat().st_size > 150_000] == []
