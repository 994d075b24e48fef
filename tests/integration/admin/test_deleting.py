"""What stays although somebody would delete it says in plain words what needs it."""

import pytest
from django.contrib import admin
from django.db.models import PROTECT
from django.urls import reverse

from loyalty_oscar.program.admin import ReadOnly, SaysWhatNeedsIt
from loyalty_oscar.program.models import ProductSet, Program, Segment
from loyalty_oscar.testing import factories
from tests.storefront import text_of

OURS, DJANGOS = "This cannot be deleted, because something else needs it:", "protected related objects"


def page(row, name="delete"):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{name}", args=[row.pk])


@pytest.fixture
def draft(db):
    return factories.ProgramFactory(code="draft", live=None)


class TestADraft:
    def test_with_a_rule_names_the_rule(self, root, draft):
        said = text_of(root.get(page(draft)))
        assert OURS in said
        assert "earning rule: " in said.lower()
        assert "Delete these first" in said
        assert DJANGOS not in said
        assert root.post(page(draft), {"post": "yes"}).status_code == 200
        assert Program.objects.filter(pk=draft.pk).exists()


class TestAList:
    @pytest.fixture
    def segment(self, unit):
        segment = Segment.objects.create(program=unit.program, code="vip", name="VIP")
        factories.GoalFactory(program=unit.program, segment=segment, name="Ten bags")
        return segment

    def test_names_what_is_for_it(self, root, segment):
        said = text_of(root.get(page(segment)))
        assert OURS in said and "Ten bags" in said
        assert DJANGOS not in said

    def test_names_it_where_many_are_deleted_at_once(self, root, segment):
        data = {"action": "delete_selected", "_selected_action": [segment.pk]}
        said = text_of(root.post(reverse("admin:loyalty_program_segment_changelist"), data))
        assert OURS in said and "Ten bags" in said
        assert DJANGOS not in said

    def test_that_nothing_names_is_deleted(self, root, unit):
        segment = Segment.objects.create(program=unit.program, code="vip", name="VIP")
        assert "Are you sure" in text_of(root.get(page(segment)))
        root.post(page(segment), {"post": "yes"})
        assert not Segment.objects.exists()


class TestWhatIsInUse:
    """Its page has no button for that; it may have been used since the page was opened."""

    @pytest.mark.parametrize(
        ("make", "instead"),
        [
            (lambda unit: factories.SaleFactory(program=unit.program), "Switch it off instead."),
            (lambda unit: factories.LadderFactory(program=unit.program), "Switch it off instead."),
            (lambda unit: unit.program, "Pause or close it instead."),
            (
                lambda unit: factories.GoalFactory(program=unit.program, sets=["cats"]) and a_set(),
                "Take it out of what names it first.",
            ),
        ],
    )
    def test_says_why_it_stays_and_what_to_do(self, root, unit, make, instead):
        row = make(unit)
        for answer in (root.get(page(row)), root.post(page(row), {"post": "yes"})):
            assert answer.status_code == 403
            said = text_of(answer)
            assert f"“{row}” is in use or was, so it stays." in said and instead in said
        assert type(row).objects.filter(pk=row.pk).exists()

    def test_says_nothing_to_who_may_not_delete(self, staff, unit):
        sale = factories.SaleFactory(program=unit.program)
        answer = staff("loyalty_exclusives.view_sale")[1].get(page(sale))
        assert answer.status_code == 403
        assert "so it stays" not in answer.content.decode()


def a_set():
    return ProductSet.objects.create(code="cats", name="Cat food")


def test_every_page_that_deletes_what_others_refer_to_is_one_of_these():
    for model, site in admin.site._registry.items():
        if not model.__module__.startswith("loyalty_oscar.") or isinstance(site, ReadOnly):
            continue
        others = [one for one in model._meta.get_fields(include_hidden=True) if one.auto_created and not one.concrete]
        kept = [one for one in others if one.on_delete is PROTECT]
        assert not kept or isinstance(site, SaysWhatNeedsIt), model
