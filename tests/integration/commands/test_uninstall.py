"""`loyalty_uninstall`: what goes, in which order, and what is refused. The install matrix takes whole shops apart."""

import errno
import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core import serializers
from django.db import transaction
from django.db.migrations.graph import MigrationGraph
from django.urls import reverse
from oscar.core.loading import get_model
from oscar.test import factories
from oscar.test.factories import UserFactory

from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.shop.redemption.offer import BENEFIT, CONDITION, our_offers, take_offer_away
from loyalty_oscar.shop.redemption.rewards.offers import take_offers_away
from loyalty_oscar.shop.upkeep import uninstall
from loyalty_oscar.testing import clock
from tests.integration.commands.calling import expect_refusal, manage
from tests.once import a_program
from tests.orders import imported
from tests.points import give, points_club, use
from tests.rewards import a_reward, have, put_on
from tests.storefront import a_basket, a_product, a_user, text_of

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
        assert uninstall.leaving(app="journeys") == ["journeys"]

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

    def test_is_ours_alone_and_no_row_of_oscars(self, shop, tmp_path):
        get_model("offer", "Condition").objects.create(type="Count", value=3)
        tables = uninstall.tables(names=uninstall.leaving())
        files = [path for _table, path in uninstall.export(tables=tables, folder=tmp_path / "new")]
        assert len(files) == len(set(files))
        written = [json.loads(line) for path in files for line in path.open()]
        assert {row["model"].partition("_")[0] for row in written} == {"loyalty"}
        assert not any("condition" in path.name or "benefit" in path.name for path in files)

    def test_stays_where_it_cannot_be_written(self, shop, tmp_path, monkeypatch):
        real = serializers.serialize

        def full(format, rows, stream):
            real(format, rows, stream=stream)
            if rows and stream.tell():
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(uninstall.serializers, "serialize", full)
        said = "cannot be written (No space left on device); nothing was taken away"
        expect_refusal("uninstall --yes --export", tmp_path / "new", says=said)


@pytest.fixture
def used(client):
    """A member who paid an order with points and has 200 set aside for the next; the visitor is signed in as her."""
    unit, user = points_club(), a_user()
    give(user, 500, unit)
    basket = use(user, a_basket(user, (a_product(price="10.00"), 1)), 100, unit=unit)
    with transaction.atomic():
        factories.create_order(basket=basket, user=user)
    use(user, a_basket(user, (a_product(price="20.00"), 1)), 200, unit=unit)
    client.force_login(user)
    return user


def without_points():
    """Take away what uninstalling the feature removes, all but its tables."""
    return list(take_offer_away(names=["redemption"]))


class TestUsingPoints:
    def test_leaves_with_its_offer_and_gives_back_what_is_set_aside(self, used):
        assert without_points() == ["offers of ours: 1 gone", "points set aside for baskets: 200 given back"]
        account = Account.objects.get()
        assert (account.available, account.reserved) == (400, 0)
        assert not our_offers().exists()
        left = (CONDITION, BENEFIT)
        assert not get_model("offer", "Condition").objects.filter(proxy_class__in=left).exists()
        assert not get_model("offer", "Benefit").objects.filter(proxy_class__in=left).exists()
        assert without_points() == ["offers of ours: 0 gone", "points set aside for baskets: 0 given back"]

    @pytest.mark.filterwarnings("ignore:Pagination may yield")  # Oscar's own list of offers.
    def test_leaves_every_page_with_offers_as_it_was(self, used, client):
        without_points()
        baskets = get_model("basket", "Basket").objects.filter(owner=used, status="Open")
        assert baskets.get().lines.count() == 1
        used.is_staff = used.is_superuser = True
        used.save()
        for page in ("basket:summary", "offer:list", "dashboard:offer-list", "dashboard:order-list"):
            assert client.get(reverse(page)).status_code == 200, page
        assert "€20.00" in text_of(client.get(reverse("basket:summary")))

    def test_is_asked_with_what_is_lost(self, used):
        said = manage("uninstall --app redemption")
        assert said.code == 1
        assert "orders paid with points: 1; what they used no longer comes back when goods do" in said.out
        assert "points set aside for baskets: 200; they go back to their members" in said.out
        assert Account.objects.get().reserved == 200

    def test_takes_gifts_along_that_would_be_sold_at_their_price(self, used):
        unit, mug = Account.objects.get().unit, a_product("Mug", "9.90")
        claim = have(used, a_reward(unit, "product", price=100, products=[mug.pk], pieces=1))
        basket = put_on(used, a_basket(used, (a_product(price="20.00"), 1)), claim)
        assert basket.lines.count() == 2
        assert list(take_offers_away(names=["earning"])) == []
        assert list(take_offers_away(names=["redemption"])) == ["offers of rewards: 1 gone"]
        assert [line.product.title for line in basket.lines.all()] == ["Liver bites"]
        assert not get_model("catalogue", "Option").objects.filter(code="loyalty-gift").exists()

    def test_leaves_offers_alone_when_another_feature_goes(self, used):
        assert list(take_offer_away(names=["earning"])) == []
        assert our_offers().count() == 1


class TestARefusal:
    def test_protects_what_others_refer_to(self, shop):
        expect_refusal("uninstall --yes --app ledger", says="tables of earning refer to it; take earning away first")
        expect_refusal("uninstall --yes --app program", says="program cannot go alone")
        for app in ("shop", "people"):
            expect_refusal("uninstall --yes --app", app, says="leave --app out to take everything away")

    def test_knows_only_apps_with_tables(self, shop):
        expect_refusal("uninstall --yes --app jobs", says="there is no app 'jobs' with tables; there are: earning, ")

    def test_asks_somebody_first(self, shop):
        expect_refusal("uninstall", says="nobody is here to confirm it; say --yes")

    def test_is_refused_in_a_line_where_the_input_ends(self, monkeypatch):
        monkeypatch.setattr("sys.stdin", StringIO())
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        expect_refusal("uninstall", says="nothing was done")

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
