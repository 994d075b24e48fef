"""What happens when staff edit an order: every row of docs/reference/edited-orders.md, by every way to the edit."""

from datetime import timedelta

import pytest

from tests.functional.edits import story
from tests.functional.edits.doing import done, night
from tests.functional.edits.table import EDITS, rows
from tests.storefront import ripen

pytestmark = pytest.mark.django_db
MATRIX = [(name, way) for name, edit in EDITS.items() for way in edit.ways]


class TestTheTable:
    def test_has_a_row_for_every_edit_and_an_edit_for_every_row(self):
        assert list(rows()) == ["nothing", *EDITS]

    def test_has_every_edit_tried_by_code_and_without_a_word_or_on_a_page(self):
        assert [name for name, edit in EDITS.items() if len(edit.ways) < 2] == []


class TestAnOrder:
    def test_brings_what_the_docs_say_while_nobody_edits_it(self, shop):
        assert story.now() == rows()["nothing"]

    @pytest.mark.parametrize(("name", "way"), MATRIX, ids=[f"{name} ({way})" for name, way in MATRIX])
    def test_is_what_the_docs_say_once(self, shop, name, way):
        edit, at, seen = EDITS[name], EDITS[name].at, None
        if at == story.LATER:
            ripen(on=at)
        if way in edit.before_by:
            done("orm", edit.before, at)
        for batch in edit.batches:
            at += timedelta(days=1)
            done(way, batch, at)
            seen = story.now()
            night(at + timedelta(hours=12))
        expected = rows()[name]
        assert story.now() == expected
        if way != "silent":
            assert {**seen, "campaigns": ""} == {**expected, "campaigns": ""}, "it was not seen at once"
        night(at + timedelta(days=1))
        assert story.now() == expected, "the next night says something else"
