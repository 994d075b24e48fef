"""
Every field of every form of ours, on every kind of page, with silly inputs of one table.

A form, a field or an address that the walk does not know of fails it. What is refused is said in a shop keeper's words,
keeps what was typed, and writes nothing; what is taken leaves a shop whose pages open and whose orders can be counted.
Each field gets some of the table, the next field the next; with LOYALTY_SILLY=200 each gets all of it.
"""

import os
import re
import sys
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from django import forms
from django.contrib.sites.models import Site
from django.core.cache import cache
from django.db import connection, transaction
from django.forms import formsets
from django.forms.formsets import BaseFormSet
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.rules import earning_rules
from loyalty_oscar.journeys.cases import open_case
from loyalty_oscar.journeys.occasions import occasions
from loyalty_oscar.program.models import Member, Program, ProgramSite, Segment, State
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.registries import reward_kinds
from loyalty_oscar.redemption.operations import buy
from loyalty_oscar.shop.journeys.answers import answer_link
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import (
    CampaignFactory,
    GoalFactory,
    LadderFactory,
    ProgramFactory,
    RewardFactory,
    RuleFactory,
    SaleFactory,
    SchemeFactory,
    SegmentFactory,
    UseTermsFactory,
)
from tests.integration.admin.conftest import staff  # noqa: F401
from tests.integration.admin.test_saved_unchanged import Form, name_of, our_admins, shop  # noqa: F401
from tests.orders import imported
from tests.points import give
from tests.silly import GONE, INPUTS, OF_ANOTHER
from tests.storefront import TODAY, a_basket, a_product, a_user, day

pytestmark = pytest.mark.django_db
#: So many of the table each field gets in a modest run, and what only browsers fill in.
EACH, HIDDEN = int(os.environ.get("LOYALTY_SILLY", "1")), 1
#: How often it is looked what became of the shop after something was taken.
LOOKS = 2
#: The doors are walked in so many rounds, and each begins the table anew.
ROUNDS = 6
#: Words of the code and of databases, which no shop keeper has read.
OF_THE_CODE = re.compile(
    r"\b(?!first_name\b)[a-z]+_[a-z_]+\b|\b[a-z]+[A-Z][a-z]\w*\b|\b[A-Z][a-z]+[A-Z]\w*\b|constraint|Constraint|\bnull\b|\bNone\b|JSON"
    r"|__|Traceback|Error\(|\bpk\b|minor|-TOTAL|object at|lazy|%\(|(?<!it has )\d{9,}"
    # The placeholders of a letter are listed with their braces.
    r"|\{(?!(?:first_name|shop|program|gift|product|link)\})\w*\}"
)
#: What a new row needs, by the last word of the field's name, where its page does not fill it in already.
FILLED = {
    "name": "Tried", "code": "tried", "reason": "Because", "points": "5", "amount": "1.00", "currency": "EUR",
    "p_points": "5", "p_step_minor": "5.00", "p_percent": "2", "p_pieces": "3", "percent": "10", "takes": "5000.00",
    "text": "Words.", "version": "2", "language": "de", "least": "20.00", "rank": "1", "time_zone": "Europe/Berlin",
    "giver_points": "5", "newcomer_points": "5", "per_month": "3", "accept": "on",
    "last_day": "2026-06-01", "typed_name": "Paw Club", "occasion": "review", "metric": "pieces",
    "starts_at_0": "2026-06-01", "starts_at_1": "00:00:00", "seen_from_0": "2026-05-01", "seen_from_1": "00:00:00",
    "buys_from_0": "2026-05-02", "buys_from_1": "00:00:00", "public_from_0": "2026-05-03", "public_from_1": "00:00:00",
    "word_en_one": "paw", "word_en_other": "paws", "word": "woof99", "day": "6", "month": "12", "members": "3",
    "figure": "kept", "starts_on": "2026-05-01", "begins": "10", "ends_on": "2027-05-01", "reaches": "20",
    "months": "24", "sets": "beds", "subject": "Words.", "body": "Words.",
}  # fmt: skip
#: And what is chosen there, the last that is offered.
CHOSEN = ("program", "unit", "tier", "product_set", "range", "site")


@dataclass
class Door:
    """A form as somebody sees it: where it is sent, what a browser would send, and all that could be sent."""

    name: str
    client: Client
    address: str
    data: dict[str, list[str]]
    names: list[str] = field(default_factory=list)

    def send(self, **changed: Any) -> Any:
        data = {**self.data, **changed}
        return self.client.post(self.address, {name: value for name, value in data.items() if value is not GONE})


# The shop ---------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="module")
def short_lists():
    """Where somebody sends a million rows, Django makes no two thousand forms of them: two hundred say the same."""
    with pytest.MonkeyPatch.context() as patch:  # Not the test's own, which would make each shop anew.
        patch.setattr(formsets, "DEFAULT_MAX_NUM", 100)
        yield


@pytest.fixture
def another(db):
    """A second program with a row of everything, whose keys nobody may use in the first."""
    program = ProgramFactory(code="other", is_default=False, live__at=day(1, 1, 2025))
    user = a_user("other@example.com")
    rows = {"program": program}
    rows["ladder"] = LadderFactory(program=program)
    rows["tier"] = rows["ladder"].tiers.get(rank=1)
    rows["member"] = give(user, 500, program.unit).member
    rows["segment"] = SegmentFactory(program=program, code="others", name="Others")
    rows["sale"] = SaleFactory(program=program, code="others")
    rows["rule"] = RuleFactory(program=program, code="others")
    rows["reward"] = RewardFactory(program=program, code="others")
    rows["campaign"] = CampaignFactory(program=program, code="others", occasion="review")
    rows["goal"] = GoalFactory(program=program, code="others")
    rows["scheme"], rows["useterms"] = SchemeFactory(program=program), UseTermsFactory(program=program)
    assert set(rows) == set(OF_ANOTHER)
    Site.objects.create(domain="third.example", name="third.example")
    ProgramFactory(
        code="third", is_default=False, live__at=day(1, 1, 2025)
    )  # Still without levels, limits and friends.
    return rows


@pytest.fixture
def inputs(another):
    """The whole table, with the keys of another program's rows."""
    return {**INPUTS, **{f"the {name} of another program": str(row.pk) for name, row in another.items()}}


@pytest.fixture
def boris(shop):  # noqa: F811
    """Who takes part and has points."""
    member = Member.objects.get(user__email="boris@example.com")
    return give(member.user, 1000, shop).member.user


@pytest.fixture
def doors(shop, another, boris, staff, settings):  # noqa: F811
    """Every form, by name."""
    settings.LOYALTY_WORD_TRIES = 10**9
    boss = staff(superuser=True)[1]
    customer = Client()
    customer.force_login(boris)
    with clock.at(TODAY):
        found = [*admin_doors(boss), *other_doors(boss, boris, shop), *customers_doors(customer, boris)]
    assert len({door.name for door in found}) == len(found)
    return {door.name: door for door in found}


def opened(client, address, having="_save"):
    page = client.get(address)
    assert page.status_code == 200, f"{address}: {page.status_code}"
    return Form(page.content.decode(), having)


def new_rows(form):
    """A row more in each inline whose empty row the page holds."""
    empty = [name for name in form.names if "-__prefix__-" in name]
    totals = {}
    for name in empty:
        prefix = name.split("-__prefix__-")[0].removeprefix("initial-")
        if int(form.data[f"{prefix}-TOTAL_FORMS"][0]) >= int(form.data[f"{prefix}-MAX_NUM_FORMS"][0]):
            continue
        totals.setdefault(prefix, int(form.data[f"{prefix}-TOTAL_FORMS"][0]))
        own = name.replace("__prefix__", str(totals[prefix]))
        form.names.append(own)
        form.data[own] = form.data.get(name, [])
        form.offered[own] = form.offered.get(name, [])
    for prefix, number in totals.items():
        form.data[f"{prefix}-TOTAL_FORMS"] = [str(number + 1)]
    without_empty_rows(form)


def without_empty_rows(form):
    """What stands in the page's empty rows is never sent by anybody who looks at it: scripts take it out."""
    for name in [name for name in form.names if "__prefix__" in name]:
        form.names.remove(name)
        form.data.pop(name, None)


def fill(form):
    """Fill in what a new row needs and its page leaves open; of what can be chosen, the last."""
    for name in form.names:
        last = name.split("-")[-1]
        if not any(value not in ("", "0") for value in form.data.get(name) or ()):
            offered = [value for value in form.offered.get(name, ()) if value]
            if last == "p_products":  # Found by a search, so the page offers none.
                form.data[name] = [str(get_model("catalogue", "Product").objects.get(title="Mug").pk)]
            elif last in CHOSEN and offered:
                form.data[name] = [offered[-1]]
            elif last in FILLED and (not offered or (FILLED[last] in offered and last != "rank")):
                form.data[name] = [FILLED[last]]


def with_a_trait(form):
    """The row that a group by rule has once a trait was added to its page."""
    form.data |= {"t0_Code": ["points"], "t0_least": ["5"], "t0_most": [""]}
    form.names += ["t0_Code", "t0_least", "t0_most", "t0_Gone"]


def door_at(name, client, address, having):
    """The form of a page, by a control that it has, filled in."""
    form = opened(client, address, having)
    fill(form)
    return Door(name, client, address, form.data, form.names)


def admin_doors(client):
    """Each page of each model on which something is added or changed."""
    user = client.get(reverse("admin:index")).context["user"]
    request = type("Request", (), {"user": user, "method": "GET", "GET": {}})()
    for site in our_admins():
        label = site.opts.object_name
        if site.has_change_permission(request):
            row = site.model._base_manager.order_by("pk").first()
            address = reverse(f"{name_of(site)}_change", args=[row.pk])
            form = opened(client, address)
            without_empty_rows(form)
            yield Door(f"{label}, changed", client, address, form.data, form.names)
        if not site.has_add_permission(request):
            continue
        address = reverse(f"{name_of(site)}_add")
        kinds = {"Rule": earning_rules, "Reward": reward_kinds, "Campaign": occasions, "Segment": Segment.Kind.values}
        for kind in [f"?type={code}" for code in kinds.get(label, ())] or [""]:
            form = opened(client, address + kind)
            new_rows(form)
            fill(form)
            if label == "Segment" and kind.endswith("rule"):
                with_a_trait(form)
            yield Door(f"{label}{kind.replace('?type=', ', ')}, new", client, address + kind, form.data, form.names)


def other_doors(client, boris, unit):
    """What staff send besides: steps, points and levels by hand, decisions, and what is done to rows of a list."""
    member, program = Member.objects.get(user=boris), unit.program
    for to in (State.PAUSED, State.CLOSING):
        address = reverse("admin:loyalty_program_program_step", args=[program.pk, to])
        yield door_at(f"Step to {to}", client, address, "reason")
    for name in ("loyalty_program_member_adjust", "loyalty_tiers_give"):
        address = reverse(f"admin:{name}", args=[member.pk])
        yield door_at(name, client, address, "reason")
    yield door_at("freeze", client, reverse("admin:loyalty_program_member_freeze", args=[member.pk]), "reason")
    other = a_user("twice@example.com")
    give(other, 5, unit)
    address = reverse("admin:loyalty_program_member_merge", args=[Member.objects.get(user=other).pk])
    address += f"?into={member.pk}"
    form = opened(client, address, "typed")
    form.data["typed"] = [str(Member.objects.get(user=other))]
    yield Door("merge", client, address, form.data, form.names)
    address = reverse("admin:loyalty_program_member_give")
    data = {"unit": [str(unit.pk)], "name": ["Sorry"], "text": [f"who,points,reason\n{boris.email},5,Sorry\n"]}
    yield Door("give many", client, address, {**data, "give": ["1"]}, [*data, "file"])
    claim = buy(reward=RewardFactory(program=program, price=5), member=member, key="1", at=TODAY)
    data = {"action": ["give_back"], "_selected_action": [str(claim.pk)], "confirmed": ["yes"], "note": ["Because"]}
    yield Door("give back", client, reverse("admin:loyalty_redemption_claim_changelist"), data, [*data])
    yield door_at("goodwill", client, reverse("loyalty:dashboard-goodwill", args=[boris.pk, unit.pk]), "token")
    address = reverse("loyalty:dashboard-reward", args=[boris.pk, unit.pk])
    form = opened(client, address, "token")
    form.data |= {"reward": [str(claim.reward_id)], "reason": ["Because"]}
    yield Door("give a reward", client, address, form.data, form.names)
    ready = {"program": [str(unit.program_id)]}
    yield Door("ready campaigns", client, reverse("admin:loyalty_journeys_ready"), ready, [*ready])
    case, _is_new = open_case(member=member, kind="problem", source="answer:1", order_id=None, at=TODAY)
    form = opened(client, reverse("loyalty:dashboard-case", args=[case.pk]), "reason")
    form.data |= {"points": ["5"], "reason": ["Because"], "give": ["1"]}
    yield Door("case", client, reverse("loyalty:dashboard-case", args=[case.pk]), form.data, form.names)


def customers_doors(client, boris):
    yield Door("word", client, reverse("loyalty:use-word"), {"word": ["woof"]}, ["word"])
    yield Door(
        "birthday", client, reverse("loyalty:birthday"), {"day": ["5"], "month": ["5"]}, ["day", "month", "forget"]
    )
    yield Door("invite", client, reverse("loyalty:use-invite"), {"code": ["bafi-muzob"]}, ["code", "from"])
    told = {"member": Member.objects.get(user=boris), "question": "problem", "source": "order:1:final", "order_id": 1}
    link = urlsplit(answer_link(**told, site=Site.objects.get_current())).path
    yield Door("answer", client, link, {"choice": ["wrong"], "text": ["Torn"]}, ["choice", "text"])
    yield Door("mails", client, reverse("loyalty:mails"), {"wanted": ["tier-up"]}, ["wanted"])
    data = {"purpose": ["personal"], "answer": ["no"], "words": ["Yes."]}
    yield Door("consent", client, reverse("loyalty:choose-consent"), data, [*data])
    a_basket(boris, (a_product(), 1))
    data = {"points": ["100"], "next": ["/basket/"]}
    yield Door("points", client, reverse("loyalty:use-points"), data, ["points", "use", "next"])


# What is looked at ----------------------------------------------------------------------------------------------


@contextmanager
def writes():
    """Every statement that writes a row of anything but a session."""
    found = []

    def note(execute, sql, params, many, context):
        if sql.split(None, 1)[0].upper() in ("INSERT", "UPDATE", "DELETE") and "django_session" not in sql:
            found.append(sql[:90])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found


@contextmanager
def taken_back():
    """Whatever is written meanwhile is gone afterwards."""
    point = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(point)
        transaction.clean_savepoints()
        forget_cache()
        cache.clear()


def forms_of(answer):
    """Every form and formset that a page shows."""
    found = {}
    for values in (values for context in answer.context or () for values in context.dicts):
        for name, value in values.items():
            some = [one.formset for one in value] if name == "inline_admin_formsets" else [value]
            for one in [value.form] if name == "adminform" else some:
                if isinstance(one, (forms.BaseForm, BaseFormSet)):
                    found[id(one)] = one
    return list(found.values())


def said_wrong(answer):
    """Every sentence by which a page says that something is wrong."""
    found = []
    for one in forms_of(answer):
        if not one.is_bound:
            continue
        if isinstance(one, BaseFormSet):
            found += [text for row in one.errors for texts in row.values() for text in texts]
            found += one.non_form_errors()
        else:
            found += [text for texts in one.errors.values() for text in texts]
    return [str(text) for text in dict.fromkeys(found)]


def wrong_words(texts, typed):
    """Sentences that hold a word of the code; what was typed may stand in them."""
    for text in texts:
        bare = text
        for one in [typed] if isinstance(typed, str) else typed or ():
            for form in (one, one.strip(), repr(one)[1:-1]):
                bare = bare.replace(form, "") if form.strip() else bare
        if found := OF_THE_CODE.search(bare):
            yield f"{text[:160]!r} ({found[0]})"


def what_is_wrong(door, name, typed, looks=True):
    """Send one silly input, and yield what is wrong with the answer."""
    with taken_back(), clock.at(TODAY):
        with writes() as written:
            try:
                answer = door.send(**{name: typed})
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault.
                yield f"broke: {type(error).__name__} {str(error)[:160]}"
                return
        if answer.status_code >= 500:
            yield f"broke: {answer.status_code}"
        elif answer.status_code == 200:
            texts = said_wrong(answer)
            if not texts:
                yield "came back without a word"
            if not keeps(answer, name, typed):
                yield "does not keep what was typed"
            if written:
                yield f"was refused, and wrote: {written[0]}"
            yield from (f"says {text}" for text in wrong_words(texts, typed))
        elif answer.status_code == 302 and written and looks:
            yield from after_that(door, answer)


def after_that(door, answer):
    """Yield what is wrong with the shop once something was taken."""
    forget_cache()
    pages = [answer["Location"].partition("#")[0], door.address, "/loyalty/how-it-works/"]
    for page in dict.fromkeys(pages):
        try:
            status = door.client.get(page).status_code
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault.
            yield f"was taken, and {page} broke: {type(error).__name__} {str(error)[:160]}"
            return
        if status >= 500:
            yield f"was taken, and {page} broke: {status}"
    if not Member.objects.filter(user__email="boris@example.com").exists():
        return
    try:
        member = Member.objects.filter(
            user__email="boris@example.com"
        ).first()  # By now perhaps of another program, too.
        order = imported(user=member.user, lines=[("200.00", 3)], placed_at=day(5, 5))
        sync_orders(order_ids=[order.pk], at=TODAY)
        missed = [code for award in Award.objects.filter(source_id=order.pk) for code in award.missed]
        if missed:
            yield f"was taken, and an order missed {missed}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault.
        yield f"was taken, and an order could not be counted: {type(error).__name__} {str(error)[:160]}"


def keeps(answer, name, typed):
    """Whether what was typed into a text field stands there again."""
    form = next((form for form in Form.all_of(answer.content.decode()) if name in form.texts), None)
    if form is None or not isinstance(typed, str):
        return True
    plain = [text.replace("\r\n", "\n").replace("\r", "\n") for text in (typed, (form.data.get(name) or [""])[0])]
    return plain[0] == plain[1] or "\x00" in typed


def part_of(table, place, number):
    """The next inputs of the table for a field, by its place among all fields."""
    names = list(table)
    if number >= len(names):
        return names
    return [names[(place * number + one) % len(names)] for one in range(number)]


def walk(doors, inputs):
    """What is wrong with these forms, with the inputs that showed it."""
    wrong, place = defaultdict(list), 0
    for door in doors:
        with taken_back(), clock.at(TODAY):
            answer = door.send()
            assert answer.status_code == 302, f"{door.name} is refused as it stands: {said_wrong(answer)}"
    for door in doors:
        for name in door.names:
            place, looks = place + 1, LOOKS
            for called in part_of(inputs, place, HIDDEN if is_hidden(name) else EACH):
                for text in what_is_wrong(door, name, inputs[called], looks > 0):
                    wrong[f"{door.name}: {name}: {text}"].append(called)
                looks -= 1
    return [f"{text} <- {', '.join(called)}" for text, called in wrong.items()]


def is_hidden(name):
    return name.endswith(("_FORMS", "-id", "_Code")) or name.startswith("initial-")


class TestEveryField:
    def test_has_at_least_a_hundred_and_fifty_silly_inputs(self, inputs):
        assert len(inputs) >= 150

    def test_of_every_form_says_what_is_wrong_and_writes_nothing(self, doors, inputs):
        wrong = [text for number in range(ROUNDS) for text in walk(list(doors.values())[number::ROUNDS], inputs)]
        assert not wrong, "\n" + "\n".join(wrong)

    def test_of_the_forms_that_come_before_a_shop_or_a_member_does_so_too(self, doors_of_others, inputs):
        wrong = walk(doors_of_others.values(), inputs)
        assert not wrong, "\n" + "\n".join(wrong)


# Nothing is left out ------------------------------------------------------------------------------------------------


@pytest.fixture
def doors_of_others(db, staff, another):  # noqa: F811
    """Forms that stand only where there is no program yet, before somebody joins, and for a guest."""
    with clock.at(TODAY):
        return {door.name: door for door in (joining(), keeping())}


def joining():
    program = ProgramFactory(code="joined", enrolment=Program.Enrolment.OPT_IN, live__at=day(1, 1, 2025))
    ProgramSite.objects.update_or_create(site_id=1, defaults={"program": program})
    program.terms.create(version=1, language="en", text="Be kind.", starts_at=day(1, 1))
    forget_cache()
    client = Client()
    client.force_login(a_user("joins@example.com"))
    address = reverse("loyalty:join")
    form = opened(client, address, "accept")
    return Door("join", client, address, {**form.data, "accept": ["on"]}, form.names)


def keeping():
    order = imported(user=None, lines=[("30.00", 1)], placed_at=TODAY, number="guest-1", guest_email="g@example.com")
    sync_orders(order_ids=[order.pk], at=TODAY)
    client = Client()
    client.get("/")
    session = client.session
    session["checkout_order_id"] = order.pk
    session.save()
    return Door("keep", client, reverse("loyalty:keep"), {"password": ["a sentence is fine"]}, ["password"])


@pytest.fixture
def setting_up(db, staff):  # noqa: F811
    """The forms that set a shop's first program up: ready ones, points, and cashback."""
    client = staff(superuser=True)[1]
    address = reverse("admin:loyalty_program_program_set_up")
    ready = door_at("ready programs", client, reverse("admin:loyalty_program_program_choose"), "often")
    ready.data["make"] = ["points"]
    return [
        ready,
        door_at("set up points", client, address, "spend"),
        door_at("set up cashback", client, f"{address}?kind=cashback", "percent"),
    ]


class TestSettingUp:
    def test_says_what_is_wrong_in_every_field(self, setting_up):
        wrong = walk(setting_up, INPUTS)
        assert not wrong, "\n" + "\n".join(wrong)


@pytest.fixture
def met_before(setting_up):
    """The forms that are met before there is a whole shop."""
    with forms_met() as met:
        for door in setting_up:
            with clock.at(TODAY), taken_back():
                door.send()
    return met


@contextmanager
def forms_met():
    """Every form that is cleaned meanwhile."""
    met, clean = [], forms.BaseForm.full_clean

    def full_clean(form):
        met.append(form)
        clean(form)

    forms.BaseForm.full_clean = full_clean
    try:
        yield met
    finally:
        forms.BaseForm.full_clean = clean


def forms_of_ours(kind=forms.BaseForm):
    """Every class of a form that stands in a module of ours."""
    for found in kind.__subclasses__():
        yield from forms_of_ours(found)
        if found.__module__.startswith("loyalty_oscar") and hasattr(sys.modules[found.__module__], found.__name__):
            yield found


#: Forms that stand in an address or beside a list, and have tests of their own: what they hold is chosen, not typed.
#: That of the test clock is played in place, and writes nothing.
CHOSEN_IN_AN_ADDRESS = {
    "StatementForm",
    "ReasonForm",
    "FiguresForm",
    "PaysForm",
    "IntoForm",
    "TryForm",
    "ClockForm",
} | {"CalendarForm", "CheckupForm"}


class TestTheWalk:
    def test_meets_every_form_and_every_field_of_ours(self, met_before, doors):
        with forms_met() as met:
            with taken_back(), clock.at(TODAY):
                for door in (joining(), keeping()):
                    door.send()
            for door in doors.values():
                with taken_back(), clock.at(TODAY):
                    start = len(met)
                    door.send()
                for form in met[start:]:
                    if not any(one.__module__.startswith("loyalty_oscar") for one in type(form).__mro__):
                        continue
                    for name, field_ in form.fields.items():
                        parts = len(getattr(field_.widget, "widgets", ())) or 1
                        own = form.add_prefix(name)
                        names = [own] if parts == 1 else [f"{own}_{number}" for number in range(parts)]
                        names = [one for one in names if not one.endswith("-DELETE") and "__prefix__" not in one]
                        missed = set(names) - set(door.names)
                        assert not missed, f"{door.name}: nobody tries {missed}"
        known = {one.__name__ for form in [*met, *met_before] for one in type(form).__mro__}
        missed = {form.__name__ for form in forms_of_ours()} - known - CHOSEN_IN_AN_ADDRESS
        assert not missed, f"nobody tries {missed}: add a door"
