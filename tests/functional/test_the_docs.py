"""The docs say what the code does: examples run, and the reference leaves nothing out."""

import re
from dataclasses import fields, replace
from datetime import UTC, datetime
from unittest.mock import Mock

import pytest
from django.contrib.auth.models import Permission
from django.urls import get_resolver

from loyalty_oscar import extend
from loyalty_oscar.earning.decision import decide
from loyalty_oscar.earning.rules import RuleInForce, Terms, build
from loyalty_oscar.kernel.errors import BadRule, UnknownCode
from loyalty_oscar.kernel.facts import LineFacts, OrderFacts, Purchase
from loyalty_oscar.kernel.hooks import Hook
from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.kernel.signatures import methods_of, misfit
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program.conf import LoyaltySettings
from loyalty_oscar.program.contributions import PLACES
from loyalty_oscar.program.events import consumers, topics
from loyalty_oscar.program.hooks import order_effects
from loyalty_oscar.program.words import reasons, why
from loyalty_oscar.shop.notices.letters import inbox_links, letters
from loyalty_oscar.testing import factories
from loyalty_oscar.tiers.models import Ladder
from loyalty_oscar.tiers.sentences import metric_choices
from loyalty_oscar.tiers.words import counted
from tests import docs
from tests.docs import DOCS, EXAMPLES, ROOT, load
from tests.functional.every_key import every_key
from tests.house.source import PACKAGE, python_files
from tests.house.test_manners import public
from tests.integration.admin.test_saved_unchanged import our_admins

FACTORIES = load(EXAMPLES / "test_factories.py")
#: Effects of orders and their numbers.
EFFECTS = {
    "redemption": 10,
    "earning": 20,
    "people": 21,
    "goals": 25,
    "tiers": 30,
    "referrals": 40,
    "exclusives": 50,
    "journeys": 60,
}
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

    @pytest.mark.django_db
    @pytest.mark.parametrize("name", [name for name in vars(FACTORIES) if name.startswith("test_")])
    def test_of_factories_holds(self, name):
        assert getattr(FACTORIES, name)() is None

    def test_shows_every_factory_that_has_no_other_to_make_it(self):
        page = (EXAMPLES / "test_factories.py").read_text("utf-8")
        parts = {"CodeFactory", "DoorFactory", "PhaseFactory", "PointWorthFactory", "ProductSetRangeFactory"}
        parts |= {"MemberPriceFactory", "TierFactory", "UnitFactory"}

        assert {name for name in factories.__all__ if f"    {name},\n" not in page} == parts


class PlainRule:
    stage = "bonus"

    def because(self): ...


class PlainCondition:
    def admits(self, *, purchase, terms): ...

    def covers(self, *, line): ...


class TestWhatIsNotAsTheReferenceSays:
    @pytest.mark.parametrize(
        ("registry", "thing"),
        [
            (extend.earning_rules, PlainRule),
            (extend.conditions, PlainCondition),
            (extend.occasions, extend.Occasion),
            (extend.questions, "How are you?"),
            (extend.case_kinds, "A lost parcel"),
            (extend.presets, {"title": "Mine"}),
            (extend.consumers, lambda *, event, at: ""),
            (extend.reasons, "on Tuesdays"),
            (extend.reasons, lambda *, params: ""),
            (extend.task_backends, lambda *, name, arguments: None),
        ],
    )
    def test_is_refused_as_it_registers(self, registry, thing):
        with pytest.raises(extend.WrongSignature, match="'mine' does not fit"):
            registry.register("mine")(thing)
        assert "mine" not in registry


class TestTheReference:
    def test_lists_every_setting_with_its_default(self, extension):
        page = extension.PARTS["settings"]()

        for spec in fields(LoyaltySettings):
            assert f"## LOYALTY_{spec.name}\n\n{spec.metadata['doc']}" in page
            assert extension.in_words(getattr(LoyaltySettings(), spec.name)) in page

    def test_tells_numbers_of_settings_from_texts(self, extension):
        page = extension.PARTS["settings"]()

        for name, told in (
            ("EXPIRY_NOTICE_DAYS", "Default: `30`, `7`, `1`. Takes a list of whole numbers."),
            ("DAYTIME", "Default: `8`, `21`. Takes a list of whole numbers."),
            ("RETURN_EVENT_CODES", 'Default: `"returned"`, `"cancelled"`. Takes a list of texts.'),
            ("GOODWILL_REASONS", "Default: empty. Takes a list of texts."),
            ("MAIL_COLORS", "Takes a dictionary of texts."),
            ("APOLOGIES", "Takes a dictionary of whole numbers and texts."),
            ("LOWEST_PRICE", "Default: `None`. Takes `True`, `False` or `None`."),
        ):
            assert told in page.partition(f"## LOYALTY_{name}\n")[2].partition("\n## ")[0]

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

        assert set(letters) == set(topics) - {"campaign"}
        assert "| `mail` | all but `campaign` |" in page
        assert f"| `inbox` | {', '.join(f'`{name}`' for name in inbox_links)} |" in page
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
        named = {name for name in extend.__all__ if isinstance(getattr(extend, name), Registry)} - set(Hook.every)
        rows = re.findall(
            r"^\| ((?:`\w+`(?:, )?)+) \| ", (DOCS / "reference/extend.md").read_text("utf-8"), re.MULTILINE
        )

        assert named - {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set()

    def test_lists_every_hook_with_what_it_is_called_with(self, extension):
        rows = extension.PARTS["hooks"]().splitlines()
        hooks = {name: hook for name, hook in extension.known_hooks().items() if ":" not in name}

        assert len(rows) == len(hooks) + 2
        for name, hook in hooks.items():
            (row,) = [row for row in rows if re.match(rf"\| `[\w.]+\.{name}` \|", row)]
            assert f"| {hook.on_error.value} |" in row
            for spec in (hook.spec, *hook.also):
                for method, signature in methods_of(spec=spec).items():
                    called = f"({', '.join(signature.parameters)})`"
                    assert (called if method == "__call__" else f"`{method}{called}") in row

    def test_lists_every_function_that_is_public_in_the_source(self, extension):
        page = extension.PARTS["functions"]()
        source = {each.name for path, tree in python_files(PACKAGE) for each in public(path, tree)}

        assert len(source) > 150
        assert set(re.findall(r"^\| `(\w+)\(", page, re.MULTILINE)) == source

    def test_lists_every_place(self, extension):
        page = extension.PARTS["places"]()

        assert [place.name for place in PLACES if f"| `{place.name}` | {place.subject} |" not in page] == []
        assert {name for name in Hook.every if ":" in name} == {place.name for place in PLACES}

    def test_shows_hooks_and_places(self, reference):
        names = [*Hook.every, "metrics", "conditions"]

        assert [name for name in names if not re.search(rf"`([\w.]+\.)?{name}`", reference)] == []
        assert [name for name in EFFECTS if f"{name} {EFFECTS[name]}" not in reference] == []

    def test_lists_every_factory_with_what_it_takes(self, extension):
        page = extension.PARTS["factories"]()

        assert [name for name in factories.__all__ if f"### {name}\n" not in page] == []
        assert "| switches | `for_ever`, `on_the_way` |" in page
        assert "| parts | `unit`, `worth`, `live`, `rule`, `sites` |" in page
        assert "<!-- generated: factories -->" in (DOCS / "reference/testing.md").read_text("utf-8")

    def test_names_every_protocol_by_what_it_is_for(self):
        undocumented = [spec for hook in Hook.every.values() for spec in (hook.spec, *hook.also) if not spec.__doc__]

        assert undocumented == []


class TestPlaces:
    asked = re.compile(
        r"(?:loyalty_pieces |loyalty_panels |render\(|(?:shown|loyalty_pieces)\(context, )\"([a-z-]+:[a-z-]+)\""
    )
    named = re.compile(r"{% loyalty_(?:pieces|panels) \"([^\"]*)\"")

    def texts(self):
        return [path.read_text("utf-8") for path in [*SOURCES, *(ROOT / "loyalty_oscar").rglob("*.html")]]

    def test_are_all_asked_somewhere_and_none_that_is_not_there(self):
        found = {name for text in self.texts() for name in self.asked.findall(text)}

        assert found == {place.name for place in PLACES}

    def test_that_templates_name_are_there_in_the_docs_too(self):
        texts = [*self.texts(), *(path.read_text("utf-8") for path in DOCS.rglob("*.md") if "_build" not in path.parts)]

        assert {name for text in texts for name in self.named.findall(text)} <= {place.name for place in PLACES}

    def test_that_are_not_there_are_refused_with_one_that_is(self):
        with pytest.raises(UnknownCode, match="no place 'product:prise'; did you mean 'product:price'"):
            extend.contributions.register("product:prise", "mine")


class TestHooks:
    def test_are_asked_by_each_alone(self):
        loops = re.compile(r"for \w+, \w+ in (\w+)\.items\(\)")
        found = {(path.name, name) for path in SOURCES for name in loops.findall(path.read_text("utf-8"))}

        # One gives each effect orders of its own, the other plays the parts act by act.
        allowed = {("sync.py", "order_effects"), ("play.py", "rehearsal_parts")}
        assert {one for one in found if one[1] in Hook.every} == allowed

    def test_hold_only_what_fits(self, extension):
        there = [(hook, name) for hook in extension.known_hooks().values() for name in hook]

        assert len(there) > 100
        assert [name for hook, name in there if misfit(thing=hook.get(name), spec=hook.spec)] == []

    def test_of_orders_have_the_numbers_that_were_decided(self):
        assert {name: order_effects.number_of(name) for name in order_effects} == EFFECTS


class TestHooksOfYourOwn:
    @pytest.fixture
    def own(self):
        with docs.own_hooks() as module:
            yield module

    @pytest.fixture
    def order(self):
        lines = (
            LineFacts(line_id=1, quantity=4, paid_minor=4000, gone=1),
            LineFacts(line_id=2, quantity=1, paid_minor=5),
        )
        bought = Purchase(currency="EUR", placed_at=datetime(2026, 6, 2, 12, tzinfo=UTC), lines=lines)
        return OrderFacts(
            order_id=42, number="1", site_id=None, user_id=7, status="", dead=False, final_at=None, purchase=bought
        )

    def test_count_and_say_what_they_count(self, own, order):
        ladder = Ladder(metric="lines")

        assert extend.metrics.get("lines").values(orders=[order], members={7: 1}, params={}) == {42: 2}
        assert dict(metric_choices())["lines"] == "the number of lines bought"
        assert [counted(ladder=ladder, value=number, unit=None) for number in (1, 4)] == ["1 line", "4 lines"]

    @pytest.mark.django_db
    def test_see_orders_and_what_is_left_of_them(self, own, order, django_capture_on_commit_callbacks):
        for left in (order, replace(order, dead=True)):
            with django_capture_on_commit_callbacks(execute=True):
                order_effects.get("mailing-tool").apply(orders=[left], at=order.placed_at, batch="")
            assert {7: {42: 0 if left.dead else 4}} == own.TOLD
        assert list(order_effects) == [
            "redemption",
            "earning",
            "people",
            "goals",
            "tiers",
            "mailing-tool",
            "referrals",
            "exclusives",
            "journeys",
        ]

    def test_show_something_in_their_place_and_tell_the_doctor(self, own):
        own.TOLD[7] = {42: 4, 43: 2}
        piece = extend.contributions.at("account:more").get("pieces")

        assert piece(subject=None, request=Mock(user=Mock(pk=8))) is None
        assert piece(subject=None, request=Mock(user=Mock(pk=7))) == ("store/pieces.html", {"pieces": 6})
        assert next(iter(own.mailing_tool(at=datetime.now(UTC)))).text == "it knows 1 customers"

    def test_are_refused_in_the_words_of_the_page(self):
        class Short:
            set_codes = apply = lambda self, *, orders: ()

        said = (DOCS / "howto/own-hook.md").read_text("utf-8").replace("\n  ", " ")
        with pytest.raises(extend.WrongSignature) as error:
            extend.order_effects.register("mailing-tool")(Short())
        assert str(error.value).partition(": missing")[0].partition(": got")[0] in said


class TestATraitOfYourOwn:
    @pytest.mark.django_db
    def test_holds_of_who_ordered_on_a_weekend(self):
        member, at = factories.MemberFactory(), datetime(2026, 6, 10, 12, tzinfo=UTC)
        told = {"currency": "EUR", "goods_minor": 1, "paid_minor": 1, "pieces": 1, "changed_at": at, "buyer": "x"}
        for number, day in enumerate((6, 9)):  # A Saturday, and a Tuesday.
            placed_at = datetime(2026, 6, day, 12, tzinfo=UTC)
            Receipt.objects.create(order_id=number, program=member.program, member=member, placed_at=placed_at, **told)
        with docs.own_trait():
            trait = extend.traits.get("on-weekends")
            asked = {"program_id": member.program_id, "at": at, "after": 0, "last": member.pk}
            assert set(trait.holders(params={"days": 7}, **asked)) == {member.pk}
            assert set(trait.holders(params={"days": 3}, **asked)) == set()
            assert trait.says(params={"days": 7}, program_id=1) == "an order on a weekend of the last 7 days"


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


class TestThePagesOfStaff:
    """Pictures of every list and every page of ours in the admin, each shown and none too heavy."""

    FOLDER = DOCS / "pictures" / "staff"
    #: One that is a page of its own, and one of which the demo shop has no row.
    ALONE = {"book": {"figures"}, "segment": {"segment-list", "segment-new"}}

    def test_are_all_in_pictures(self):
        taken = {path.stem for path in self.FOLDER.glob("*.webp")}
        names = [site.model._meta.model_name for site in our_admins()]
        wanted = set().union(*(self.ALONE.get(name, {f"{name}-list", name}) for name in names))
        assert wanted - taken == set()
        assert len(names) > 20

    def test_are_shown_on_their_page(self):
        shown = re.findall(r"pictures/staff/([\w-]+)\.webp", (DOCS / "reference" / "staff-pages.md").read_text())
        assert sorted(shown) == sorted(path.stem for path in self.FOLDER.glob("*.webp"))

    def test_are_light(self):
        assert [path.name for path in self.FOLDER.iterdir() if path.stat().st_size > 90_000] == []


class TestTheRightsOfStaff:
    def test_are_called_as_django_calls_them(self, db):
        page = (DOCS / "howto" / "let-staff-in.md").read_text("utf-8")
        told = set(re.findall(r"\*(Can [^*]+)\*", page))
        assert len(told) > 10
        assert told - set(Permission.objects.values_list("name", flat=True)) == set()


class TestTheIndexByTask:
    def test_names_every_guide_of_a_shop_keeper(self):
        folder = DOCS / "howto"
        text = (folder / "index.md").read_text()
        tasks, _build, run = text.partition("```{toctree}")[0], *text.split(":caption: ")[1:]
        linked = set(re.findall(r"\]\(([\w-]+)\.md", tasks))
        # Leaving is a developer's, refunds and campaigns are what others lead to.
        known = {line for line in run.splitlines() if (folder / f"{line}.md").exists()}
        assert known - linked <= {"leave", "refunds", "campaigns", "members"}
        assert [name for name in linked if not (folder / f"{name}.md").exists()] == []
