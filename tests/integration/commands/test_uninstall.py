"""`loyalty_uninstall`: what goes, in which order, and what is refused. The install matrix takes whole shops apart."""

import json
from datetime import timedelta

import pytest
from django.core import serializers
from django.db.migrations.graph import MigrationGraph
from oscar.test.factories import UserFactory

from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.shop import uninstall
from loyalty_oscar.testing import a_program, clock
from tests.integration.commands.calling import expect_refusal, manage
from tests.orders import imported

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    """An order that brought points."""
    at = clock.now()
    a_program(live_from=at - timedelta(days=2))
    imported(user=UserFactory(), lines=[("12.50", 2)], placed_at=at - timedelta(days=1))
    manage("run")


class TestWhatGoes:
    def test_goes_before_what_it_refers_to(self):
        order = uninstall.leaving()
        ours = uninstall.our_apps()
        assert set(order) == set(ours)
        for name in order:
            assert all(order.index(name) < order.index(other) for other in uninstall.needs(ours[name]))

    def test_is_one_feature_alone_when_asked(self):
        assert uninstall.leaving(app="earning") == ["earning"]

    def test_is_exported_row_by_row_so_that_it_can_be_read_again(self, shop, tmp_path):
        tables = uninstall.tables(names=uninstall.leaving())
        written = list(uninstall.export(tables=tables, folder=tmp_path / "new" / "folder"))
        rows = {table.model: [json.loads(line) for line in path.open()] for table, path in written}
        assert {model: len(lines) for model, lines in rows.items()} == {
            model: model._base_manager.count() for model in rows
        }
        [entry] = rows[Entry]
        assert entry["fields"]["key"] == Entry.objects.get().key
        [again] = serializers.deserialize("json", json.dumps([entry]))
        assert bytes(again.object.fingerprint) == bytes(Entry.objects.get().fingerprint)


class TestARefusal:
    def test_protects_what_others_refer_to(self, shop):
        expect_refusal("uninstall --yes --app ledger", says="tables of earning refer to it; take earning away first")
        expect_refusal("uninstall --yes --app program", says="program cannot go alone")
        expect_refusal("uninstall --yes --app shop", says="leave --app out to take everything away")

    def test_knows_only_apps_with_tables(self, shop):
        expect_refusal("uninstall --yes --app jobs", says="there is no app 'jobs' with tables; there are: earning, ")

    def test_asks_somebody_first(self, shop):
        expect_refusal("uninstall", says="nobody is here to confirm it; say --yes")

    def test_overwrites_no_file(self, shop, tmp_path):
        (tmp_path / "mine.txt").write_text("precious")
        expect_refusal("uninstall --yes --export", tmp_path, says="is not empty; name a new folder")
        expect_refusal("uninstall --yes --export", tmp_path / "mine.txt", says="cannot be written: File exists")
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

    def test_minds_migrations_of_the_shop_that_stand_on_ours(self, shop, monkeypatch):
        graph = MigrationGraph()
        for label in ("loyalty_program", "club"):
            graph.add_node((label, "0001_initial"), None)
        graph.add_dependency(None, ("club", "0001_initial"), ("loyalty_program", "0001_initial"))
        monkeypatch.setattr(uninstall.MigrationLoader, "__init__", lambda self, db: setattr(self, "graph", graph))
        expect_refusal("uninstall --yes", says="the migration club.0001_initial stands on loyalty_program; take")
