"""Moments are typed, shown and read by members in the time zone of the program, whatever the shop's own is."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib import admin
from django.forms import SplitDateTimeField
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation

from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.program.models import Program, TermsVersion
from loyalty_oscar.program.words import moment, zone_name
from loyalty_oscar.program.zones import InProgramZone, NamesZone
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import CampaignFactory, GoalFactory, RewardFactory
from loyalty_oscar.tiers.models import MemberPrice, Tier
from tests.integration.exclusives.sales import a_sale, a_set
from tests.integration.tiers.ladders import a_ladder
from tests.once import a_program
from tests.storefront import TODAY, a_product, text_of

from .test_campaigns import typed as a_campaign
from .test_program import formset
from .test_sales import a_door
from .test_sales import typed as a_sale_typed
from .test_saved_unchanged import Form

pytestmark = pytest.mark.django_db
#: Midnight of 1 June in New York.
MIDNIGHT = datetime(2026, 6, 1, 4, tzinfo=UTC)
ADD_CAMPAIGN = f"{reverse('admin:loyalty_journeys_campaign_add')}?type=review"
ADD_SALE, ADD_PRICE = (reverse(f"admin:loyalty_{name}_add") for name in ("exclusives_sale", "tiers_memberprice"))


@pytest.fixture(autouse=True)
def utc(settings):
    """The shop's own zone is another than the program's."""
    settings.TIME_ZONE = "UTC"
    with clock.at(TODAY):
        yield


@pytest.fixture
def unit():
    return a_program(time_zone="America/New_York")


def june(field, row=""):
    return {f"{row}{field}_0": "2026-06-01", f"{row}{field}_1": "00:00:00"}


class TestAMomentThatIsTyped:
    def test_for_a_sale_is_that_of_the_program_and_members_read_it_so(self, root, unit):
        a_ladder(unit=unit)
        product = a_product("Carrier")
        data = a_sale_typed(program=unit.program_id, code="trail", product_set=a_set(product).pk, is_meant="on")
        data |= june("public_from") | formset("doors", [a_door(**june("buys_from"), **june("seen_from"))])
        assert root.post(ADD_SALE, data).status_code == 302
        sale = Sale.objects.get()
        assert (sale.public_from, sale.doors.get().buys_from) == (MIDNIGHT, MIDNIGHT)
        page = text_of(Client().get(reverse("loyalty:sale", args=["trail"])))
        assert "Monday 1 June, 00:00 (EDT)" in page
        assert "31 May" not in page

    def test_for_a_campaign_is_that_of_the_program(self, root, unit):
        root.post(ADD_CAMPAIGN, a_campaign(unit, **june("ends_at")))
        assert Campaign.objects.get().ends_at == MIDNIGHT

    def test_for_a_member_price_is_that_of_its_level(self, root, unit):
        a_ladder(unit=unit)
        data = {"tier": Tier.objects.first().pk, "percent": "10", "is_on": "on", "ends_at_0": "", "ends_at_1": ""}
        assert root.post(ADD_PRICE, data | june("starts_at")).status_code == 302
        assert MemberPrice.objects.get().starts_at == MIDNIGHT

    def test_is_that_of_the_program_chosen_where_there_are_several(self, root, unit):
        other = a_program(code="two", name="Two", is_default=False, time_zone="Asia/Tokyo")
        root.post(ADD_CAMPAIGN, a_campaign(other, **june("ends_at")))
        assert Campaign.objects.get().ends_at == datetime(2026, 5, 31, 15, tzinfo=UTC)
        assert labels(root.get(ADD_CAMPAIGN))["ends_at"] == "Until (time of the program)"


class TestAMomentInAYearThatNobodyMeans:
    SAID = "Nobody means that year. Look at it again."

    @pytest.fixture
    def addresses(self, unit):
        rows = (
            a_sale(unit, a_product("Carrier"), doors=((0, MIDNIGHT),), ends_at=None),
            CampaignFactory(program=unit.program),
            RewardFactory(program=unit.program),
            GoalFactory(program=unit.program),
            MemberPrice.objects.create(tier=a_ladder(unit=unit).tiers.first(), percent=5, starts_at=MIDNIGHT),
        )
        return [reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk]) for row in rows]

    @pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
    def test_is_refused_once_wherever_one_is_typed(self, root, addresses, day):
        found = []
        for address in addresses:
            data = Form(root.get(address).content.decode()).data
            for name in [name.removesuffix("_0") for name in data if name.endswith("_0") and "__" not in name]:
                answer = root.post(address, data | {f"{name}_0": day, f"{name}_1": "00:00:00"})
                found.append((name, answer.status_code == 200 and answer.content.decode().count(self.SAID)))
        assert [one for one in found if one[1] != 1] == []
        assert {name for name, _count in found} >= {"starts_at", "ends_at", "public_from", "doors-0-buys_from"}

    def test_is_refused_for_terms_too(self, root, unit):
        address = reverse("admin:loyalty_program_program_change", args=[unit.program_id])
        data = Form(root.get(address).content.decode()).data
        [prefix] = [name.removesuffix("-TOTAL_FORMS") for name in data if "terms" in name and "TOTAL" in name]
        number = int(data[f"{prefix}-TOTAL_FORMS"][0])
        row = {
            "version": "9",
            "language": "en",
            "starts_at_0": "0001-01-01",
            "starts_at_1": "00:00:00",
            "text": "Words.",
        }
        data |= {f"{prefix}-{number}-{name}": value for name, value in row.items()}
        answer = root.post(address, {**data, f"{prefix}-TOTAL_FORMS": str(number + 1)})
        assert text_of(answer).count(self.SAID) == 1
        assert not TermsVersion.objects.filter(version="9").exists()


class TestAnEndThatHasPassed:
    def test_is_refused_of_what_is_in_force_and_stays_where_it_is_stored(self, root, unit):
        past, long_ago = {"ends_at_0": "2020-01-01", "ends_at_1": "00:00:00"}, datetime(2019, 1, 1, tzinfo=UTC)
        price = MemberPrice.objects.create(tier=a_ladder(unit=unit).tiers.first(), percent=5, starts_at=long_ago)
        sale = a_sale(unit, a_product("Carrier"), doors=(), public_from=long_ago, ends_at=None)
        for row in (price, sale):
            name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
            address = reverse(f"{name}_change", args=[row.pk])
            answer = root.post(address, Form(root.get(address).content.decode()).data | past)
            assert "That is over already. Choose a later day, or switch it off." in text_of(answer)
            type(row).objects.update(ends_at=long_ago + timedelta(days=1))
            answer = root.post(address, Form(root.get(address).content.decode()).data)
            assert answer.status_code == 302
            response = root.get(reverse(f"{name}_changelist"))
            assert 'field-state">ended<' in response.content.decode()
        assert "Over: it changes nothing in the shop." in text_of(response)


def labels(response):
    """The labels of the fields on a page."""
    return {name: field.label for name, field in response.context["adminform"].form.fields.items()}


class TestAMomentThatIsShown:
    @pytest.fixture
    def sale(self, unit):
        a_ladder(unit=unit)
        doors = ((3, datetime(2026, 5, 31, 4, tzinfo=UTC)),)
        return a_sale(unit, a_product("Carrier"), doors=doors, public_from=MIDNIGHT, ends_at=None)

    def test_stands_in_its_field_as_it_was_typed_with_the_zone_beside_it(self, root, sale):
        response = root.get(reverse("admin:loyalty_exclusives_sale_change", args=[sale.pk]))
        html = response.content.decode()
        assert 'name="public_from_0" value="2026-06-01"' in html.replace("\n", " ")
        assert 'name="public_from_1" value="00:00:00"' in html
        assert 'name="doors-0-buys_from_0" value="2026-05-31"' in html
        text = text_of(response)
        assert text.lower().count("(new york time)") >= 4
        assert "everybody buys from 1 June 2026, 00:00 (EDT)" in text

    def test_stays_what_it_is_when_the_page_is_saved_as_it_stands(self, root, sale):
        door = sale.doors.get()
        seen, buys = {"seen_from_0": "2026-05-01", "seen_from_1": "08:00:00"}, {"buys_from_0": "2026-05-31"}
        rows = a_door(id=door.pk, sale=sale.pk, buys_from_1="00:00:00", **seen, **buys)
        data = a_sale_typed(
            product_set=sale.product_set_id, quota="", per_member="", percent="0", **june("public_from")
        )
        address = reverse("admin:loyalty_exclusives_sale_change", args=[sale.pk])
        assert labels(root.get(address))["public_from"].endswith("(New York time)")
        with_doors = data | formset("doors", [rows], initial=1)
        response = root.post(address, with_doors)
        assert response.status_code == 302, response.context["errors"]
        sale.refresh_from_db()
        assert (sale.public_from, sale.doors.get().buys_from) == (MIDNIGHT, door.buys_from)

    def test_in_a_list_is_in_the_zone_that_all_programs_share(self, root, unit):
        a_ladder(unit=unit)
        MemberPrice.objects.create(tier=Tier.objects.first(), percent=10, starts_at=MIDNIGHT)
        rows = reverse("admin:loyalty_tiers_memberprice_changelist")
        assert "June 1, 2026, midnight" in text_of(root.get(rows))
        Program.objects.create(code="two", name="Two", currency="EUR", time_zone="Asia/Tokyo")
        assert "June 1, 2026, 4 a.m." in text_of(root.get(rows))

    def test_of_terms_is_in_the_zone_of_their_program(self, root, unit):
        TermsVersion.objects.create(program=unit.program, version=1, language="en", text="x", starts_at=MIDNIGHT)
        page = text_of(root.get(reverse("admin:loyalty_program_program_change", args=[unit.program_id])))
        assert "June 1, 2026, midnight" in page


class TestEveryPageOfOurs:
    def test_with_a_moment_to_type_is_in_the_zone_of_its_program(self, unit, root, admin_user):
        request = RequestFactory().get("/")
        request.user = admin_user
        found = []
        for model, page in admin.site._registry.items():
            if not model._meta.app_label.startswith("loyalty_"):
                continue
            inlines = [one for one in page.get_inline_instances(request) if one.has_add_permission(request, None)]
            owners = [page] if page.has_add_permission(request) else []
            forms = [(one, InProgramZone, one.get_form(request, None, change=False)) for one in owners]
            forms += [(one, NamesZone, one.get_formset(request).form) for one in inlines]
            for owner, kind, form in forms:
                if any(isinstance(field, SplitDateTimeField) for field in form.base_fields.values()):
                    found.append(model.__name__)
                    assert isinstance(owner, kind), owner
                    assert isinstance(page, InProgramZone), page
        assert {"Campaign", "Sale", "MemberPrice", "Program", "Reward"} <= set(found)


class TestAZone:
    @pytest.mark.parametrize(
        ("zone", "language", "name"),
        [
            ("America/New_York", "en", "New York time"),
            ("Asia/Kolkata", "de", "Kalkutta time"),  # No catalog yet: the city is translated by CLDR.
            ("UTC", "en", "UTC"),
            ("Etc/GMT+5", "en", "Etc/GMT+5"),
        ],
    )
    def test_has_a_name_that_people_know(self, zone, language, name):
        with translation.override(language):
            assert zone_name(zone=zone) == name

    def test_stands_behind_a_moment(self):
        assert moment(MIDNIGHT, zone="America/New_York") == "1 June 2026, 00:00 (EDT)"
