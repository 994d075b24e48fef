"""What can be read in the admin and never touched."""

import re
from pathlib import Path

import pytest
from django.contrib.admin.utils import display_for_value
from django.urls import reverse
from oscar.test.factories import OrderFactory, RangeFactory

from loyalty_oscar.earning.models import Rule
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry, Hold, Lot
from loyalty_oscar.program import clock
from loyalty_oscar.program.events import announce
from loyalty_oscar.program.models import Delivery, Event, JobRun, Member, ProductSet, Program
from loyalty_oscar.program.operations import note_run
from loyalty_oscar.program.references import about, linked, referents
from loyalty_oscar.shop.models import OrderSync, ProductSetRange
from loyalty_oscar.shop.orders.sync import mark
from loyalty_oscar.testing.factories import (
    AccountFactory,
    CampaignFactory,
    GoalFactory,
    LotFactory,
    SaleFactory,
    TierFactory,
)
from loyalty_oscar.tiers.models import Standing, Tier
from tests.storefront import text_of

READ = [Account, Entry, Hold, Event, Delivery, JobRun, OrderSync]


def url(model, name, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


@pytest.fixture
def books(unit, customer):
    """One row of everything."""
    now = clock.now()
    account = AccountFactory(member__program=unit.program, member__user=customer, member__joined_at=now)
    for number in (1, 2):
        because = Because("order_earned", order=number, number=f"10000{number}")
        told = {"key": f"order:{number}:earn", "source": f"order:{number}", "because": because, "at": now}
        LotFactory(account=account, points=50, for_ever=True, **told)
    ledger.place_hold(
        account_id=account.pk, points=10, slot="basket:1", because=Because("adjusted"), expires_at=now, at=now
    )
    announce(topic="points-earned", key="order:1:earned", member_id=account.member_id, payload={"order": 1}, at=now)
    Delivery.objects.create(event=Event.objects.get(), consumer="mail", next_at=now)
    note_run(name="sweep", started_at=now, finished_at=now, done=1)
    mark(order_ids=[1], at=now)
    return account


@pytest.mark.parametrize("model", READ)
class TestWhatIsOnlyRead:
    def test_is_listed_and_opened(self, root, books, model):
        assert root.get(url(model, "changelist")).status_code == 200
        assert root.get(url(model, "change", model.objects.first().pk)).status_code == 200

    def test_is_never_added_changed_or_deleted(self, root, books, model):
        row = model.objects.first()
        before = list(model.objects.values().order_by("pk"))
        for page in (url(model, "add"), url(model, "change", row.pk), url(model, "delete", row.pk)):
            assert root.post(page, {"post": "yes"}).status_code == 403
        root.post(url(model, "changelist"), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
        assert list(model.objects.values().order_by("pk")) == before

    def test_is_hidden_from_who_may_not_look(self, staff, books, model):
        _user, client = staff("loyalty_program.view_program")
        assert client.get(url(model, "changelist")).status_code == 403


class TestTheLedger:
    def test_is_searched_by_the_key(self, root, books):
        found = root.get(url(Entry, "changelist") + "?q=order:2").context["cl"].result_list
        assert [entry.key for entry in found] == ["order:2:earn"]

    def test_says_why_in_words(self, root, books):
        html = root.get(url(Entry, "change", Entry.objects.get(key="order:1:earn").pk)).content.decode()
        assert "Order 100001" in html
        assert "the shop itself" in html

    def test_finds_an_account_by_the_address_of_its_member(self, root, books):
        assert root.get(url(Account, "changelist") + "?q=boris@").context["cl"].result_count == 1
        assert root.get(url(Account, "changelist") + "?q=nobody@").context["cl"].result_count == 0


class TestARecord:
    """Days and moments read as in all of the admin, also where they are kept as texts; reasons are sentences."""

    MOMENT = "2027-01-31T11:30:00+01:00"

    def told_on(self, root, row):
        return text_of(root.get(url(type(row), "change", row.pk)))

    def test_of_an_event_says_what_is_told_along_in_words(self, root, books):
        because = {"c": "order_earned", "p": {"order": 1, "number": "100001"}}
        payload = {"kept_until": self.MOMENT, "days": ["2027-02-01", "2027-02-28"], "because": because, "lots": [5, 6]}
        payload |= {"told": "2027-13-45", "also": "20270131"}
        event = Event.objects.create(topic="of-our-own", key="1", member=books.member, payload=payload, at=clock.now())
        text = self.told_on(root, event)
        assert "kept until: Jan. 31, 2027, 11:30 a.m." in text
        assert "days: Feb. 1, 2027, Feb. 28, 2027" in text
        assert "because: Order 100001" in text
        assert "told: 2027-13-45" in text
        assert "also: 20270131" in text
        assert "lots" not in text

    def test_of_an_event_names_an_order_by_its_number(self, root, books):
        OrderSync.objects.update(placed={"number": "100001"})
        assert "order: 100001" in self.told_on(root, Event.objects.get())

    def test_of_a_message_says_when_it_happened_and_is_tried_next(self, root, books):
        text = self.told_on(root, Delivery.objects.get())
        assert not re.search(r"\d{4}-\d\d-\d\d", text)
        assert f"Happened: {display_for_value(Event.objects.get().at, '')}" in text

    def test_of_a_job_says_after_whom_and_since_when_a_walk_goes_on(self, root, books):
        cursor = {str(books.member.program_id): [books.member_id, self.MOMENT]}
        JobRun.objects.update(cursor=cursor)
        text = self.told_on(root, JobRun.objects.get())
        assert f"{books.member.program}: after member {books.member}, begun Jan. 31, 2027, 11:30 a.m." in text

    def test_of_the_life_of_a_program_has_no_day_beside_that_of_its_column(self, root, books):
        assert not re.search(r"\d{4}-\d\d-\d\d", self.told_on(root, books.member.program))


class TestAProductSet:
    def test_is_made_with_its_range(self, root, db):
        range_ = RangeFactory(name="Cats")
        data = {"name": "Cat food", "code": "cats", "tie-TOTAL_FORMS": 1, "tie-INITIAL_FORMS": 0}
        assert root.post(url(ProductSet, "add"), {**data, "tie-0-range": range_.pk}).status_code == 302
        assert ProductSetRange.objects.get(product_set__code="cats").range == range_

    def test_is_listed_as_suspended_without_one(self, root, db):
        ProductSet.objects.create(code="cats", name="Cat food")
        assert "its rules are suspended" in root.get(url(ProductSet, "changelist")).content.decode()

    def test_is_deleted_only_where_nothing_names_it(self, root, books):
        program = Program.objects.get()
        product_set = ProductSet.objects.create(code="cats", name="Cat food")
        page, told = url(ProductSet, "delete", product_set.pk), {"params": {"points": 5}, "actor": "system"}
        narrowed = [{"code": "product-set", "params": {"sets": ["cats"]}}]
        save_rule(
            unit=program.unit, code="cats", name="Cats", type="per-unit", narrowed=narrowed, at=clock.now(), **told
        )
        assert root.post(page, {"post": "yes"}).status_code == 403
        Rule.objects.filter(code="cats").delete()
        for field in ({"excluded_set": product_set}, {"excluded_set": None}):
            Program.objects.update(**field)
            left = root.post(page, {"post": "yes"}).status_code
            assert left == (403 if field["excluded_set"] else 302)
        assert not ProductSet.objects.exists()


@pytest.mark.parametrize("page", ["change", "delete"])
def test_a_page_stands_where_its_address_names_no_field(root, unit, page):
    assert root.get(url(Program, page, unit.program_id), {"_to_field": ""}).status_code < 500


class TestAReference:
    """What a record is about reads in words, with a link to its page; the reference itself stays there, in small."""

    def page(self, root, row):
        return root.get(url(type(row), "change", row.pk)).content.decode()

    def test_of_an_order_names_it_by_its_number(self, root, books):
        order = OrderFactory(number="100343")
        html = linked(reference=f"order:{order.pk}:earn")
        assert html == (
            f'<a href="{reverse("dashboard:order-detail", args=["100343"])}">Order 100343</a> '
            f"<small><code>order:{order.pk}:earn</code></small>"
        )

    def test_of_an_order_that_is_gone_names_it_by_the_number_it_had(self, root, books):
        OrderSync.objects.update(placed={"number": "100001"})
        assert about(reference="order:1:earn") == ("Order 100001", "")
        for row in (Entry.objects.get(key="order:1:earn"), Event.objects.get(), Delivery.objects.get()):
            assert "Order 100001 <small><code>order:1:earn" in self.page(root, row)

    def test_of_points_that_became_ready_is_what_brought_them(self, root, books):
        lot = Lot.objects.get(source="order:2")
        OrderFactory(pk=2, number="100002")
        assert about(reference=f"lot:{lot.pk}:mature")[0] == "Order 100002"
        lot = LotFactory(account=books, points=5, source="manual:x", key="manual:x", for_ever=True)
        assert linked(reference=f"lot:{lot.pk}:mature") == f" <small><code>lot:{lot.pk}:mature</code></small>"

    def test_of_what_has_a_page_links_it(self, root, books):
        hold, program = Hold.objects.get(), Program.objects.get()
        told = {
            f"hold:{hold.public_id}:hold": ("Basket 1", url(Hold, "change", hold.pk)),
            f"program:{program.pk}:close": (f"Program: {program}", url(Program, "change", program.pk)),
            f"account:{books.pk}:ready:2026-05-01": (f"Account: {books}", url(Account, "change", books.pk)),
        }
        for row in (CampaignFactory(), GoalFactory(), SaleFactory(), TierFactory()):
            page = row.ladder if isinstance(row, Tier) else row
            told[f"{row._meta.model_name}:{row.pk}:gift"] = (
                f"{row._meta.verbose_name.capitalize()}: {row}",
                url(type(page), "change", page.pk),
            )
        tier, now = Tier.objects.latest("pk"), clock.now()
        standing = Standing.objects.create(member=books.member, tier=tier, rank=tier.rank, starts_at=now)
        told[f"standing:{standing.pk}:ends:2026-12-31"] = about(reference=f"tier:{tier.pk}:gift")
        for reference, (text, link) in told.items():
            assert about(reference=reference) == (text, link)
            assert root.get(link).status_code == 200

    @pytest.mark.parametrize(
        "reference",
        ["manual:x", "import:a:1", "", "order", "hold:x:hold", "lot:x", "tier:999999:gift", "standing:x:ends"],
    )
    def test_of_what_nobody_knows_stays_as_it_is(self, db, reference):
        assert linked(reference=reference).endswith(f"<small><code>{reference}</code></small>")

    def test_cannot_carry_markup(self, db):
        assert "<script>" not in linked(reference="manual:<script>")

    def test_of_every_kind_that_the_docs_name_is_known(self):
        """All keys of docs/reference/ledger.md but those of what has no page: by hand, imports, and endings."""
        text = Path("docs/reference/ledger.md").read_text(encoding="utf-8")
        keys = text.partition("## Keys")[2].partition("## Lots")[0]
        kinds = set(re.findall(r"`([a-z]+):", keys)) - {"manual", "import"}
        assert len(kinds) > 6
        assert kinds <= {kind for kind, _referent in referents.items()}

    def test_is_no_name_of_an_event(self, root, books):
        assert str(Event.objects.get()) == "Points earned"
        assert "points-earned order:1" not in self.page(root, Delivery.objects.get())

    def test_of_a_basket_reads_as_one_on_the_page_of_a_member(self, root, books):
        page = text_of(root.get(url(Member, "change", books.member_id)))
        assert "Basket 1" in page and "basket:1" not in page
