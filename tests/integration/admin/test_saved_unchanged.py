"""Every page of ours in the admin, opened and saved as it is: nothing changes, and nothing is said to be wrong."""

from datetime import date
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse

from loyalty_oscar.earning.models import Rule, RuleVersion
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.earning.rules import conditions, earning_rules
from loyalty_oscar.exclusives.models import Door, Sale
from loyalty_oscar.insights.models import Aim
from loyalty_oscar.journeys.forms.campaigns import UNASKED
from loyalty_oscar.journeys.models import Campaign, Goal, GoalStep
from loyalty_oscar.journeys.occasions import occasions
from loyalty_oscar.ledger.operations import open_account
from loyalty_oscar.program.models import PointWorth, ProductSet, ProgramSite, Reward, TermsVersion, Unit
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.registries import reward_kinds
from loyalty_oscar.redemption.models import LeastOrder, UseTerms
from loyalty_oscar.referrals.models import Scheme
from loyalty_oscar.shop.orders import statuses
from loyalty_oscar.shop.tiers.conditions import keep_in_step
from loyalty_oscar.testing.factories import GoalFactory, RewardFactory
from loyalty_oscar.tiers.models import Ladder, MemberPrice, Tier
from tests.everything import ours
from tests.integration.exclusives.sales import GOLD, PUBLIC_FROM, a_sale, a_segment, a_set
from tests.integration.journeys.deeds import a_campaign, says
from tests.integration.shop.test_words_of_the_shop import GERMAN, speaks
from tests.integration.tiers.ladders import a_ladder
from tests.once import once
from tests.points import points_club
from tests.storefront import a_product, a_user, day

pytestmark = pytest.mark.django_db
#: What tells of jobs, not of pages.
COUNTERS = {"loyalty_program.JobRun.started_at"}
#: What holds points that somebody types.
OF_POINTS = (Rule, Campaign, Goal, Ladder, Scheme, UseTerms, Reward)
#: Buttons of the admin that do more than save, or less.
OTHER_BUTTONS = ("_addanother", "_continue", "_saveasnew", "_preview")
NEVER_TYPED = (*OTHER_BUTTONS, "_save", "csrfmiddlewaretoken")


def our_admins():
    """The admin of every model that we registered."""
    return [site for site in admin.site._registry.values() if site.__module__.startswith("loyalty_oscar")]


def name_of(site):
    return f"admin:{site.opts.app_label}_{site.opts.model_name}"


class Form(HTMLParser):
    """
    What a browser would send of the one form on a page that has this control: `data`; `names`, all that it could send,
    ticked or not; `texts`, those that one writes in; and `offered`, the values of each select.
    """

    def __init__(self, page, having="_save"):
        super().__init__()
        self.forms, self.select, self.area, self.offered, self.texts = [], None, None, {}, set()
        self._open()
        self.feed(page)
        found = [form for form in self.forms if having in form[1]]
        assert len(found) == 1, [names for _fields, names in self.forms]
        fields, names = found[0]
        self.data, self.names = {}, [name for name in dict.fromkeys(names) if name not in NEVER_TYPED]
        for name, value in fields:
            if name not in OTHER_BUTTONS:
                self.data.setdefault(name, []).append(value)

    @classmethod
    def all_of(cls, page):
        """Every form of a page that a browser sends by POST, by its token."""
        try:
            return [cls(page, "_save")]
        except AssertionError:
            return []

    def _open(self):
        self.fields, self.named = [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        name, kind = attrs.get("name"), attrs.get("type", "text")
        if name and tag in ("input", "select", "textarea", "button") and "disabled" not in attrs:
            self.named.append(name)
        if name and (tag == "textarea" or (tag == "input" and kind in ("text", "number", "email", "url"))):
            self.texts.add(name)
        if tag == "form":
            self._open()
            self.forms.append((self.fields, self.named))
        elif tag == "input" and name and "disabled" not in attrs:
            if kind not in ("checkbox", "radio", "file", "button", "reset") or "checked" in attrs:
                self.fields.append((name, attrs.get("value", "on" if kind == "checkbox" else "")))
        elif tag == "select" and name:
            self.select, self.options, self.many = name, [], "multiple" in attrs
        elif tag == "option" and self.select:
            self.options.append((attrs.get("value", ""), "selected" in attrs))
        elif tag == "textarea" and name:
            self.area, self.text = name, ""

    def handle_data(self, data):
        if self.area:
            self.text += data

    def handle_endtag(self, tag):
        if tag == "textarea" and self.area:
            text = self.text.replace("\r\n", "\n").removeprefix("\n")
            self.fields.append((self.area, text.replace("\n", "\r\n")))
            self.area = None
        elif tag == "select" and self.select:
            chosen = [value for value, is_chosen in self.options if is_chosen]
            if not self.many:
                chosen = (chosen or [value for value, _no in self.options[:1]])[-1:]
            self.fields += [(self.select, value) for value in chosen]
            self.offered[self.select] = [value for value, _chosen in self.options]
            self.select = None


def tables():
    """Every row of every table of ours."""
    found = {}
    for model in ours():
        for row in model._base_manager.values():
            for name, value in row.items():
                where = f"{model._meta.label}.{name}"
                if where not in COUNTERS:
                    found[where, row[model._meta.pk.attname]] = repr(value)
        for field in model._meta.many_to_many:
            for one in model._base_manager.all():
                found[f"{model._meta.label}.{field.name}", one.pk] = repr(
                    sorted(getattr(one, field.name).values_list("pk"))
                )
    return found


@pytest.fixture
def shop(db):
    return everything_set_up()


@once
def everything_set_up():
    """A row of everything that staff set up, each with all that can stand in it."""
    unit = points_club(share=50, minimum=100, step=50, per_day=500)
    program = unit.program
    ProgramSite.objects.get_or_create(program=program, site_id=1)
    PointWorth.objects.create(program=program, currency="PLN", points=100, minor=430)
    terms = {"language": "en", "text": "Be kind.\n\nOr leave."}
    TermsVersion.objects.create(program=program, version=1, **terms, starts_at=day(1, 1))
    LeastOrder.objects.create(terms=UseTerms.objects.get(), currency="EUR", minor=2000)
    bed = a_product("Bed", "200.00")
    beds = a_set(bed, code="beds")
    cards = a_set(a_product("Gift card"), code="cards")
    UseTerms.objects.get().excluded_sets.add(cards)
    program.excluded_set = cards
    program.save()
    ladder = a_ladder(unit=unit, gifts=(0, 50, 100))
    Tier.objects.filter(ladder=ladder, rank=2).update(names={"de": "Silber"}, color="#55636A", text="A card\n\nA call")
    MemberPrice.objects.create(tier=ladder.tiers.get(rank=2), product_set=beds, percent=10, starts_at=day(1, 1))
    MemberPrice.objects.create(tier=ladder.tiers.get(rank=3), percent=5, starts_at=day(1, 1), ends_at=day(2, 1))
    Scheme.objects.create(program=program, giver_points=150, newcomer_points=100, least_minor=2050)
    for kind in ("sign-up", "review", "birthday"):
        a_campaign(unit, kind)
    a_campaign(unit, "word", word="woof", budget=500, starts_at=day(1, 1), ends_at=day(12, 31))
    when = {"actor": "system", "at": day(1, 1)}
    narrowed = [
        {"code": "product-set", "params": {"sets": ["beds"]}},
        {"code": "minimum-spend", "params": {"minimum_minor": 5050, "currency": "EUR"}},
    ]
    save_rule(
        unit=unit, code="double", name="Double", type="multiplier", params={"percent": 250}, narrowed=narrowed, **when
    )
    save_rule(unit=unit, code="first", name="First order", type="first-order", params={"points": 20}, **when)
    narrowed = [
        {"code": "product-set", "params": {"sets": ["cards"], "outside": True}},
        {"code": "dates", "params": {"first": "2026-01-01", "last": "2026-12-31"}},
        {"code": "tier", "params": {"rank": 2}},
    ]
    save_rule(unit=unit, code="each", name="Each", type="per-unit", params={"points": 5}, narrowed=narrowed, **when)
    member = join(program=program, user_id=a_user().pk, at=day(1, 2))
    open_account(member=member, unit=unit)
    invited = a_segment(unit, member.user, name="Friends of the house")
    narrowed = [
        {"code": "weekdays", "params": {"days": [6, 7]}},
        {"code": "hours", "params": {"start": "18:00", "end": "22:30"}},
        {"code": "order-pieces", "params": {"pieces": 3}},
        {"code": "line-pieces", "params": {"pieces": 2}},
        {"code": "cap-per-order", "params": {"points": 100}},
        {"code": "cap-per-day", "params": {"points": 150}},
        {"code": "cap-per-month", "params": {"points": 500}},
        {"code": "cap-per-member", "params": {"points": 2000}},
        {"code": "budget", "params": {"points": 1_000_000}},
        {"code": "segment", "params": {"segment": invited.pk}},
    ]
    third = {"points": 5, "pieces": 3}
    save_rule(unit=unit, code="third", name="Third", type="every-nth", params=third, narrowed=narrowed, **when)
    save_rule(unit=unit, code="order", name="Order", type="per-order", params={"points": 5}, **when)
    sale = a_sale(unit, bed, percent=20, quota=40, per_member=2, text="Bring your dog.\nOr two.")
    Door.objects.create(sale=sale, segment=invited, seen_from=day(5, 1), buys_from=day(5, 8))
    a_sale(unit, a_product("Mat"), code="earlier", mode="open", percent=10)
    a_sale(unit, a_product("Rug"), doors=(), code="for-all", is_on=False, public_from=PUBLIC_FROM, ends_at=None)
    _campaigns(unit, invited)
    _rewards(unit, invited)
    _goals(unit, invited, member)
    told = {"program": unit.program, "starts_on": date(2026, 1, 1), "ends_on": date(2026, 12, 31)}
    Aim.objects.create(figure="kept", start=1_234, target=5_000, length=6, window=180, **told)
    Aim.objects.create(figure="members", start=0, target=1_000, **told)
    forget_cache()
    keep_in_step()
    return unit


def _campaigns(unit, segment):
    """A campaign of each occasion, one with all that can stand in it, and two that only write."""
    params = {
        "day": {"day": 29, "month": 2},
        "surprise": {"members": 3},
        "warranty": {"sets": ["cards", "beds"], "months": 24},
        "leaving": {"months": 12},
        "order-final": {"sets": ["beds"], "question": "problem", "related": True},
    }
    all_of_it = {"rank": 2, "segment": segment, "delay_days": 3, "rest_days": 60, "most": 40, "confirmed_only": True}
    for kind in occasions:
        if kind not in ("sign-up", "review", "birthday", "word"):
            more = all_of_it if kind == "order-final" else {"is_public": kind not in UNASKED}
            a_campaign(unit, kind, params=params.get(kind, {}), **more)
    for kind in ("order-placed", "late"):
        a_campaign(unit, kind, points=0, is_public=kind == "order-placed", params={})
    for campaign in Campaign.objects.exclude(occasion="word"):
        for language in ("en", "de"):
            says(campaign, "Ends SOON", "Hello {first_name}\n\n{link}", language=language)


def _rewards(unit, segment):
    """A reward of each kind, one of them with all that can stand in it."""
    told = {"quota": 40, "per_member": 2, "valid_days": 30, "starts_at": day(1, 1), "ends_at": day(12, 31)}
    more = {"rank": 2, "segment": segment, "cost_minor": 1250, "text": "Bring your dog.\nOr two."}
    RewardFactory(program=unit.program, code="grooming", params={"ask": "Which day?"}, **told, **more)
    RewardFactory(program=unit.program, code="spa", params={"where": "At the spa"}, codes=["SPA-1"], price=None)
    money_off = {"percent": 15, "most": 1250, "set": "beds", "least": 2000}
    RewardFactory(program=unit.program, code="off", kind="off", params=money_off)
    RewardFactory(program=unit.program, code="delivery", kind="delivery", params={"most": 390, "least": 1})
    mug = {"products": [a_product("Mug", "9.90").pk], "pieces": 2, "least": 1500}
    RewardFactory(program=unit.program, code="mug", kind="product", params=mug)


def _goals(unit, segment, member):
    """A goal with all that can stand in it, one of money, and one that an order counts for."""
    told = {"rank": 2, "segment": segment, "window_days": 60, "starts_at": day(1, 1), "ends_at": day(12, 31)}
    GoalFactory(program=unit.program, metric="sets", sets=["cards", "beds"], target=2, repeats=False, **told)
    GoalFactory(program=unit.program, metric="spend", target=12_345, reward=Reward.objects.get(code="spa"))
    used = GoalFactory(program=unit.program, sets=["beds"])
    GoalStep.objects.create(goal=used, member=member, order_id=1, placed_at=day(5, 1), value=2)


def errors_of(answer):
    """What the page says is wrong, anywhere."""
    if answer.status_code == 302:
        return []
    form = answer.context["adminform"].form
    found = [form.errors.as_json()] if form.errors else []
    for one in answer.context["inline_admin_formsets"]:
        found += [str(row) for row in one.formset.errors if row] + list(one.formset.non_form_errors())
    return found or ["the page came back without a word"]


def rows_with_all(site, request):
    """Rows of a model; of each inline that can be changed there must be one that holds something."""
    rows = list(site.model._base_manager.order_by("pk"))
    for inline in site.get_inline_instances(request):
        if inline.has_change_permission(request):
            assert inline.model._base_manager.exists(), f"nothing in {inline.model.__name__} is looked at"
    return rows


@pytest.fixture
def boss(staff, rf):
    user, client = staff(superuser=True)
    request = rf.get("/")
    request.user = user
    return request, client


def save_unchanged(client, address, language):
    """Open a page, save it as it is, and see that no row changed."""
    page = client.get(address, headers={"accept-language": language})
    assert page.status_code == 200
    before, logged = tables(), LogEntry.objects.count()
    answer = client.post(address, Form(page.content.decode()).data, headers={"accept-language": language})
    assert errors_of(answer) == [], address
    after = tables()
    changed = {key: (before.get(key), after.get(key)) for key in before | after if before.get(key) != after.get(key)}
    assert changed == {}, address
    assert LogEntry.objects.count() == logged, address


class TestAPageOfOurs:
    @pytest.mark.parametrize("language", ["en", "de"])
    @pytest.mark.parametrize("site", our_admins(), ids=lambda site: site.opts.object_name)
    def test_is_saved_unchanged(self, shop, boss, site, language):
        request, client = boss
        if not site.has_change_permission(request):
            pytest.skip("nobody may change it")
        rows = rows_with_all(site, request)
        assert rows, f"no {site.opts.verbose_name} is looked at"
        for row in rows:
            save_unchanged(client, reverse(f"{name_of(site)}_change", args=[row.pk]), language)

    @pytest.mark.parametrize("rights", ["change", "view"])
    def test_is_opened_and_saved_by_each_who_may(self, shop, boss, staff, rights):
        user, client = staff()
        names = ("view", "change") if rights == "change" else ("view",)
        held = Permission.objects.filter(content_type__app_label__startswith="loyalty_")
        user.user_permissions.set(one for one in held if one.codename.startswith(names))
        for site in our_admins():
            for row in rows_with_all(site, boss[0]):
                address = reverse(f"{name_of(site)}_change", args=[row.pk])
                if rights == "change" and site.has_change_permission(boss[0]):
                    save_unchanged(client, address, "en")
                    continue
                before = tables()
                page = client.get(address)
                assert page.status_code == 200 and 'name="_save"' not in page.content.decode(), address
                assert client.post(address, {"name": "Other"}).status_code == 403, address
                assert tables() == before and not LogEntry.objects.exists(), address

    def test_is_saved_unchanged_in_a_shop_with_german_words(self, shop, boss, settings, monkeypatch):
        speaks(settings, monkeypatch, GERMAN, READY_STATUS="Geliefert")
        settings.LANGUAGE_CODE = "de"
        for site in our_admins():
            if site.has_change_permission(boss[0]):
                for row in rows_with_all(site, boss[0]):
                    save_unchanged(boss[1], reverse(f"{name_of(site)}_change", args=[row.pk]), "de")
        assert statuses.ready_status() == "Geliefert"

    @pytest.mark.parametrize("model", OF_POINTS, ids=lambda model: model.__name__)
    def test_is_saved_unchanged_where_points_are_money(self, shop, boss, model):
        Unit.objects.update(is_money=True)
        forget_cache()
        rows = list(model.objects.order_by("pk"))
        assert rows
        for row in rows:
            save_unchanged(boss[1], reverse(f"{name_of(admin.site._registry[model])}_change", args=[row.pk]), "de")


class TestASale:
    @pytest.mark.parametrize("doors", [0, 1])
    def test_is_made_from_a_page_whose_other_rows_stay_empty(self, shop, boss, doors):
        _request, client = boss
        data = Form(client.get(reverse("admin:loyalty_exclusives_sale_add")).content.decode()).data
        data |= {
            "program": shop.program_id,
            "name": "Rugs",
            "code": "rugs",
            "product_set": ProductSet.objects.get(code="beds").pk,
        }
        data |= {"public_from_0": "2026-05-11", "public_from_1": "00:00:00"}
        if doors:
            data |= {"doors-0-rank": str(GOLD)}
            data |= {f"doors-0-{name}_0": "2026-05-09" for name in ("seen_from", "buys_from")}
            data |= {f"doors-0-{name}_1": "00:00:00" for name in ("seen_from", "buys_from")}
        assert errors_of(client.post(reverse("admin:loyalty_exclusives_sale_add"), data)) == []
        assert Sale.objects.get(code="rugs").doors.count() == doors

    def test_is_switched_off_though_it_has_doors(self, shop, boss):
        _request, client = boss
        sale = Sale.objects.get(code="trail")
        address = reverse("admin:loyalty_exclusives_sale_change", args=[sale.pk])
        data = Form(client.get(address).content.decode()).data
        assert data.pop("is_on") == ["on"]
        assert errors_of(client.post(address, data)) == []
        assert (Sale.objects.get(code="trail").is_on, sale.doors.count()) == (False, 2)


class TestAReward:
    def test_of_every_kind_is_among_those_that_are_saved(self, shop):
        assert set(Reward.objects.values_list("kind", flat=True)) == {code for code, _kind in reward_kinds.items()}


class TestACampaign:
    def test_of_every_occasion_is_among_those_that_are_saved(self, shop):
        assert set(Campaign.objects.values_list("occasion", flat=True)) == set(occasions)


class TestARule:
    def test_of_every_kind_is_among_those_that_are_saved(self, shop):
        assert set(Rule.objects.values_list("type", flat=True)) == {code for code, _kind in earning_rules.items()}
        said = {row["code"] for version in RuleVersion.objects.all() for row in version.conditions}
        assert said == {code for code, _kind in conditions.items()}

    def test_gets_no_version_by_being_said_again_in_other_words(self, shop):
        rule = Rule.objects.get(code="double")
        last = rule.versions.latest("number")
        save_rule(
            unit=shop, code="double", name="Double", type="multiplier", actor="system", at=day(3, 1),
            params={"percent": 250, "group": "campaign"}, narrowed=last.conditions[::-1],
        )  # fmt: skip
        assert rule.versions.latest("number") == last
        save_rule(
            unit=shop, code="double", name="Double", type="multiplier", actor="system", at=day(3, 1),
            params={"percent": 250, "group": "other"}, narrowed=last.conditions,
        )  # fmt: skip
        assert rule.versions.count() == last.number + 1
