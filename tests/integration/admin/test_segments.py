"""Groups of members in the admin: added by kind, read back, looked at before they are saved, followed."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock, segment_admin, segment_rules
from loyalty_oscar.program.models import JobRun, ProductSet, Segment, SegmentCount
from loyalty_oscar.program.registries import traits
from loyalty_oscar.program.segments import members_of
from loyalty_oscar.testing import factories
from tests.integration.admin.test_saved_unchanged import Form
from tests.integration.exclusives.sales import a_sale
from tests.storefront import a_product, day, text_of

pytestmark = pytest.mark.django_db
ADD = "/admin/loyalty_program/segment/add/"


@pytest.fixture
def members(unit):
    """Twelve members, the first without points, the last with eleven hundred."""
    found = [factories.MemberFactory(program=unit.program) for _number in range(12)]
    for number, member in enumerate(found):
        Account.objects.update_or_create(member=member, unit=unit, defaults={"available": 100 * number})
    return found


def rich(unit, least=500, code="rich"):
    asked = [{"trait": "points", "params": {"least": least, "most": None}}]
    return Segment.objects.create(program=unit.program, code=code, name="Rich", kind="rule", traits=asked)


def page_of(segment):
    return reverse("admin:loyalty_program_segment_change", args=[segment.pk])


def typed(unit, *rows, **fields):
    """Return what a browser sends of traits, each a code and its parameters."""
    data = {"program": str(unit.program_id), "name": "Rich", "code": "rich", "add": ""}
    for place, (code, params) in enumerate(rows):
        data[f"t{place}_Code"] = code
        data |= {f"t{place}_{name}": value for name, value in params.items()}
    return {**data, **fields}


def errors(response):
    return response.context["adminform"].form.errors


class TestANewOne:
    def test_asks_for_its_kind_first(self, root, unit):
        said = text_of(root.get(ADD))
        assert "Members named one by one" in said and "Members of whom something is true" in said
        assert root.get(ADD + "?type=rule").status_code == 200

    def test_gets_a_row_for_what_is_added_and_saves_nothing_yet(self, root, unit):
        answer = root.post(ADD + "?type=rule", typed(unit, add="points"))
        assert answer.status_code == 200
        assert not errors(answer)
        page = Form(answer.content.decode())
        assert page.data["t0_Code"] == ["points"] and {"t0_least", "t0_most"} <= set(page.names)
        assert page.data["add"] == [""]
        assert not Segment.objects.exists()

    def test_keeps_what_was_typed_while_more_is_added(self, root, unit):
        answer = root.post(ADD + "?type=rule", typed(unit, ("points", {"least": "500", "most": ""}), add="language"))
        page = Form(answer.content.decode())
        assert (page.data["t0_least"], page.data["t1_Code"]) == (["500"], ["language"])
        assert not errors(answer)
        assert not Segment.objects.exists()

    def test_holds_at_once_those_of_whom_it_is_true(self, root, unit, members):
        answer = root.post(ADD + "?type=rule", typed(unit, ("points", {"least": "500", "most": ""})))
        assert answer.status_code == 302
        segment = Segment.objects.get()
        assert segment.traits == [{"trait": "points", "params": {"least": 500, "most": None}}]
        assert members_of(segment=segment) == {member.pk for member in members[5:]}
        assert (segment.kind, segment.counted) == ("rule", 7)

    def test_waits_for_the_jobs_where_there_are_too_many_members(self, root, unit, members, monkeypatch):
        monkeypatch.setattr(segment_admin, "SLICE", 11)
        JobRun.objects.create(name="segments", started_at=day(1, 1), finished_at=day(1, 1))
        answer = root.post(ADD + "?type=rule", typed(unit, ("points", {"least": "500", "most": ""})), follow=True)
        assert "Who is in it is looked at with the next jobs." in text_of(answer)
        assert members_of(segment=Segment.objects.get()) == frozenset()
        assert JobRun.objects.get(name="segments").wanted_at is not None

    def test_needs_something_to_be_true(self, root, unit):
        answer = root.post(ADD + "?type=rule", typed(unit))
        assert errors(answer) == {"add": ["Choose what must be true of them."]}
        assert not Segment.objects.exists()

    @pytest.mark.parametrize(
        ("params", "field", "text"),
        [
            ({"least": "", "most": ""}, "t0_least", "Fill in one of both."),
            ({"least": "5", "most": "4"}, "t0_most", "This is less than the least."),
            ({"least": "-1", "most": ""}, "t0_least", "Ensure this value is greater than or equal to 0."),
            ({"least": "x", "most": ""}, "t0_least", "Enter a whole number."),
        ],
    )
    def test_says_what_is_wrong_at_its_field(self, root, unit, params, field, text):
        answer = root.post(ADD + "?type=rule", typed(unit, ("points", params)))
        assert errors(answer) == {field: [text]}
        assert not Segment.objects.exists()

    def test_needs_a_program_that_is_there(self, root, unit):
        answer = root.post(ADD + "?type=rule", typed(unit, ("points", {"least": "5", "most": ""}), program="999999"))
        assert list(errors(answer)) == ["program"]

    def test_makes_its_code_from_the_name_and_refuses_one_that_is_there(self, root, unit):
        rich(unit)
        row = ("points", {"least": "5", "most": ""})
        assert "code" in errors(root.post(ADD + "?type=rule", typed(unit, row, code="")))
        assert root.post(ADD + "?type=rule", typed(unit, row, code="", name="Very rich")).status_code == 302
        assert Segment.objects.get(name="Very rich").code == "very-rich"


class TestWhoItWouldBe:
    def test_is_counted_with_ten_examples_before_anything_is_saved(self, root, unit, members):
        data = typed(unit, ("points", {"least": "100", "most": ""}), _preview="1")
        answer = root.post(ADD + "?type=rule", data)
        said = text_of(answer)
        assert "As typed, not saved yet, this group reads" in said
        assert "Members of whom all of this is true: 100 paws or more ready." in said
        assert "It would be 11 members." in said and "For example:" in said
        assert len(answer.context["examples"]) == 10
        assert not Segment.objects.exists()

    def test_is_named_to_none_who_may_not_see_members(self, client, unit, members, django_user_model):
        staff = django_user_model.objects.create_user("clerk", "clerk@example.com", "x", is_staff=True)
        names = ("add_segment", "view_segment", "change_segment")
        staff.user_permissions.set(Permission.objects.filter(codename__in=names))
        client.force_login(staff)
        answer = client.post(ADD + "?type=rule", typed(unit, ("points", {"least": "100", "most": ""}), _preview="1"))
        assert "It would be 11 members." in text_of(answer)
        assert not answer.context["examples"]

    def test_is_left_open_where_a_trait_fails(self, root, unit, monkeypatch):
        def fails(**asked):
            raise ValueError("nonsense")

        monkeypatch.setattr(type(traits.get("points")), "holders", staticmethod(fails))
        row = ("points", {"least": "1", "most": ""})
        assert "cannot be said now" in text_of(root.post(ADD + "?type=rule", typed(unit, row, _preview="1")))
        assert "It is saved, but" in text_of(root.post(ADD + "?type=rule", typed(unit, row), follow=True))
        assert Segment.objects.get().counted == 0


class TestTheOneThatIsThere:
    def test_reads_as_a_sentence_with_when_it_was_looked_at(self, root, unit, members):
        segment = rich(unit)
        segment_rules.look_at_segment(segment=segment, at=clock.now())
        said = text_of(root.get(page_of(segment)))
        assert "Members of whom all of this is true: 500 paws or more ready." in said
        assert "7 members are in it." in said and "it is done every night" in said
        assert "Nothing uses it yet." in said

    def test_is_saved_as_it_was_opened(self, root, unit, members):
        segment = rich(unit)
        before = Segment.objects.values().get()
        page = Form(root.get(page_of(segment)).content.decode())
        assert root.post(page_of(segment), page.data).status_code == 302
        assert Segment.objects.values().get() == before

    def test_changes_and_loses_traits(self, root, unit, members):
        segment = rich(unit)
        page = Form(root.get(page_of(segment)).content.decode()).data
        more = {"t0_least": "900", "t1_Code": "points", "t1_least": "", "t1_most": "1000"}
        assert root.post(page_of(segment), page | more).status_code == 302
        assert members_of(segment=segment) == {member.pk for member in members[9:11]}
        page = Form(root.get(page_of(segment)).content.decode()).data
        assert root.post(page_of(segment), page | {"t0_Gone": "on", "t0_least": ""}).status_code == 302
        segment.refresh_from_db()
        assert segment.traits == [{"trait": "points", "params": {"least": None, "most": 1000}}]
        assert members_of(segment=segment) == {member.pk for member in members[:11]}

    def test_keeps_a_trait_whose_app_has_left_until_it_is_taken_out(self, root, unit):
        asked = [{"trait": "gone", "params": {"a": 1}}, {"trait": "points", "params": {"least": 1, "most": None}}]
        segment = Segment.objects.create(program=unit.program, code="x", name="X", kind="rule", traits=asked)
        opened = root.get(page_of(segment))
        assert "something that is not there any more (gone)" in text_of(opened)
        page = Form(opened.content.decode()).data
        root.post(page_of(segment), page | {"name": "Y"})
        segment.refresh_from_db()
        assert (segment.name, segment.traits) == ("Y", asked)
        root.post(page_of(segment), page | {"t0_Gone": "on"})
        segment.refresh_from_db()
        assert segment.traits == asked[1:]

    def test_stays_of_its_kind(self, root, unit):
        segment = rich(unit)
        page = Form(root.get(page_of(segment)).content.decode()).data
        root.post(page_of(segment) + "?type=list", page | {"kind": "list", "people": ""})
        segment.refresh_from_db()
        assert segment.kind == "rule"

    def test_names_what_uses_it_with_links_and_is_not_deleted(self, root, unit):
        segment = rich(unit)
        goal = factories.GoalFactory(program=unit.program, segment=segment, name="Ten bags")
        reward = factories.RewardFactory(program=unit.program, segment=segment, name="A grooming")
        sale = a_sale(unit, a_product(), doors=((segment, day(5, 8)),))
        narrowed = [{"code": "segment", "params": {"segment": segment.pk}}]
        rule = factories.RuleFactory(program=unit.program, code="cats", narrowed=narrowed)
        html = root.get(page_of(segment)).content.decode()
        for row in (goal, reward, Sale.objects.get(pk=sale.pk), rule):
            url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
            assert f'<a href="{url}">' in html, row
        gone = reverse("admin:loyalty_program_segment_delete", args=[segment.pk])
        assert "Ten bags" in text_of(root.get(gone)) and "names this group" in text_of(root.get(gone))
        root.post(gone, {"post": "yes"})
        assert Segment.objects.filter(pk=segment.pk).exists()

    def test_shows_its_size_over_time_once_there_are_two_days(self, root, unit):
        segment = rich(unit)
        SegmentCount.objects.create(segment=segment, day=day(1, 1).date(), counted=3)
        assert "loyalty-chart" not in root.get(page_of(segment)).content.decode()
        SegmentCount.objects.create(segment=segment, day=(day(1, 1) + timedelta(days=1)).date(), counted=5)
        html = root.get(page_of(segment)).content.decode()
        assert 'class="loyalty-chart"' in html and '<td class="number">5</td>' in html

    def test_keeps_the_product_sets_that_it_names(self, root, unit):
        factories.ProductSetFactory(code="cats", name="Cat food", products=[a_product()])
        asked = [{"trait": "owns", "params": {"sets": ["cats"]}}]
        Segment.objects.create(program=unit.program, code="x", name="Cat homes", kind="rule", traits=asked)
        url = reverse("admin:loyalty_program_productset_delete", args=[ProductSet.objects.get(code="cats").pk])
        assert root.get(url).status_code == 403

    def test_is_only_read_by_who_may_only_look(self, client, unit, django_user_model):
        staff = django_user_model.objects.create_user("clerk", "clerk@example.com", "x", is_staff=True)
        staff.user_permissions.set(Permission.objects.filter(codename="view_segment"))
        client.force_login(staff)
        said = client.get(page_of(rich(unit)))
        assert "500 paws or more ready" in text_of(said)
        assert "t0_least" not in said.content.decode() and "_preview" not in said.content.decode()


@pytest.mark.parametrize("code", sorted(traits))
def test_each_trait_has_a_row_that_can_be_added(root, unit, code):
    factories.ProductSetFactory(code="cats", name="Cat food", products=[a_product()])
    answer = root.post(ADD + "?type=rule", typed(unit, add=code))
    assert answer.status_code == 200 and not errors(answer)
    assert f'name="t0_Code" value="{code}"' in answer.content.decode()
