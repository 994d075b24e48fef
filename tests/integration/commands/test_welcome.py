"""A shop with a past, and `loyalty_welcome`: points for old orders, as an act that can be undone."""

from datetime import timedelta

import pytest
from django.core import mail

from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.ledger.models import Account, Entry, Kind
from loyalty_oscar.ledger.operations import merge, open_account
from loyalty_oscar.program.models import Event, Member, Program, ProgramSite
from loyalty_oscar.program.operations import change_state, join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.orders.sync import sweep, sync_orders
from loyalty_oscar.testing import clock
from tests.integration.commands.calling import books, expect_refusal, manage
from tests.integration.commands.past import old_orders
from tests.once import a_program
from tests.orders import come_back

pytestmark = pytest.mark.django_db
#: What is known of all orders and counted of them; nobody gets anything by it.
COUNTED = ("loyalty_people_receipt", "loyalty_insights_month")


@pytest.fixture
def past():
    """Twelve orders of 12.50 by three customers, an hour apart, and a program that began after them."""
    at = clock.now()
    orders = old_orders(count=12, customers=3, until=at - timedelta(days=30), each=timedelta(hours=1))
    a_program(live_from=at - timedelta(days=1), hold_days=14)
    return orders


class TestAShopWithAPast:
    def test_posts_nothing_and_mails_nobody_when_it_is_switched_on(self):
        at = clock.now()
        old_orders(count=10_000, customers=200, until=at - timedelta(days=1))
        a_program(live_from=at)
        before = books()
        with clock.at(at + timedelta(minutes=1)):
            assert manage("run --nightly").code == 0
            assert manage("reconcile --since 3000d").code == 0
        assert {**books(), **dict.fromkeys(COUNTED, 0)} == before
        assert mail.outbox == []


class TestAWelcome:
    def test_shows_what_it_would_give_and_writes_nothing(self, past):
        before = books()
        said = manage("welcome --since 400d --dry-run")
        assert books() == before
        assert "12 bring something, of 12 looked at" in said.out
        assert "members  3" in said.out
        assert "in all   144 points; ready at once 144 points; worth €1.44" in said.out
        assert "144 points until " in said.out
        assert said.out.endswith("Nothing was written.\n")

    def test_says_that_it_may_be_less_where_a_rule_gives_at_most_so_much_over_many_orders(self, past):
        assert "limits" not in manage("welcome --since 400d --dry-run").out
        narrowed = [{"code": "cap-per-member", "params": {"points": 20}}]
        told = {"code": "more", "name": "More", "type": "per-order", "params": {"points": 10}, "narrowed": narrowed}
        save_rule(unit=Program.objects.get().unit, actor="system", at=clock.now() - timedelta(hours=1), **told)
        said = manage("welcome --since 400d --dry-run").out
        assert "in all   264 points" in said
        assert "limits   what a rule gives at most over many orders is left aside here; it may be less" in said
        assert "welcome:1: 204 points for 12 orders" in manage("welcome --since 400d --yes").out

    def test_gives_it_under_a_kind_of_its_own_as_from_the_day_of_the_order(self, past):
        said = manage("welcome --since 400d --yes")
        assert "welcome:1: 144 points for 12 orders" in said.out
        assert set(Entry.objects.values_list("kind", flat=True)) == {Kind.WELCOME}
        assert [account.available for account in Account.objects.all()] == [48, 48, 48]
        award = Award.objects.get(source_id=past[0].pk)
        assert award.available_at == past[0].date_placed + timedelta(days=14)
        assert manage("audit").code == 0

    def test_writes_to_each_member_once(self, past):
        manage("welcome --since 400d --yes")
        keys = {f"welcome:1:{member.pk}" for member in Member.objects.all()}
        assert set(Event.objects.values_list("topic", "key")) == {("welcome", key) for key in keys}
        manage("run")
        assert len(mail.outbox) == 3

    def test_gives_it_to_the_one_who_stayed_where_people_join_by_choice_too(self, past):
        program, at = Program.objects.get(), clock.now()
        Program.objects.update(enrolment="opt-in")
        members = [join(program=program, user_id=order.user_id, at=at) for order in past[:3]]
        for member in members:
            open_account(member=member, unit=program.unit)
        merge(member=members[0], into=members[1], actor="staff:1", at=at)
        assert "welcome:1: 144 points for 12 orders" in manage("welcome --since 400d --yes").out
        assert [Account.objects.get(member=member).available for member in members] == [0, 96, 48]

    def test_counts_what_was_ordered_while_no_program_served_the_shop(self):
        at = clock.now()
        a_program(live_from=at - timedelta(days=300), code="elsewhere", is_default=False)
        old_orders(count=4, customers=2, until=at - timedelta(days=30), each=timedelta(hours=1))
        list(sweep(at=at - timedelta(days=2)))
        a_program(live_from=at - timedelta(days=1), code="here", hold_days=14)
        assert "4 bring something, of 4 looked at" in manage("welcome --since 400d --program here --dry-run").out
        assert "welcome:1: 48 points for 4 orders" in manage("welcome --since 400d --program here --yes").out
        assert [account.pending for account in Account.objects.all()] == [24, 24]
        assert "48 points of 4 orders" in manage("welcome --undo welcome:1 --yes").out

    def test_leaves_to_another_program_what_was_ordered_in_it(self):
        at = clock.now()
        first = a_program(live_from=at - timedelta(days=300), code="first").program
        change_state(program=first, to="paused", actor="x", at=at - timedelta(days=200))
        in_it, before = old_orders(count=2, customers=2, until=at - timedelta(days=30), each=timedelta(days=300))[::-1]
        list(sweep(at=at - timedelta(days=2)))
        second = a_program(live_from=at - timedelta(days=1), code="second", is_default=False).program
        ProgramSite.objects.create(program=second, site_id=in_it.site_id)
        forget_cache()
        said = manage("welcome --since 400d --program second --dry-run").out
        assert "1 bring something, of 1 looked at" in said
        assert "welcome:1: 12 points for 1 orders" in manage("welcome --since 400d --program second --yes").out
        assert [award.source_id for award in Award.objects.all()] == [before.pk]

    def test_writes_to_nobody_when_told(self, past):
        manage("welcome --since 400d --yes --no-mail")
        assert Award.objects.count() == 12
        assert not Event.objects.exists()

    def test_gives_nothing_twice(self, past):
        manage("welcome --since 400d --yes")
        before = books()
        said = manage("welcome --since 400d --yes")
        assert "There is nothing to give." in said.out
        assert books() == before

    def test_gives_the_rest_after_it_was_interrupted(self, past, settings):
        settings.LOYALTY_SWEEP_BATCH = 4
        sync_orders(order_ids=[order.pk for order in past[:5]], at=clock.now(), batch="welcome:1")
        assert "welcome:2: 84 points for 7 orders" in manage("welcome --since 400d --yes").out
        assert Award.objects.count() == 12

    def test_counts_orders_since_the_day_it_is_told(self, past):
        since = past[9].date_placed.isoformat()
        assert "3 bring something, of 3 looked at" in manage("welcome --dry-run --since", since).out

    def test_leaves_out_dead_orders_guests_and_what_earns_by_itself(self, past):
        past[0].__class__.objects.filter(pk=past[0].pk).update(status="Cancelled")
        past[1].__class__.objects.filter(pk=past[1].pk).update(user=None)
        past[2].__class__.objects.filter(pk=past[2].pk).update(date_placed=clock.now())
        manage("welcome --since 400d --yes")
        assert set(Award.objects.values_list("source_id", flat=True)) == {order.pk for order in past[3:]}

    def test_gives_nothing_for_what_went_back_before(self, past):
        come_back(line=past[0].lines.get(), quantity=1)
        said = manage("welcome --since 400d --yes")
        assert "in all   132 points; " in said.out
        assert "welcome:1: 132 points" in said.out
        assert sum(account.available for account in Account.objects.all()) == 132
        assert manage("audit").code == 0

    def test_says_what_has_run_out_already(self, past):
        for order in past[:6]:
            order.__class__.objects.filter(pk=order.pk).update(date_placed=order.date_placed - timedelta(days=800))
        said = manage("welcome --since 1200d --yes")
        assert "72 points have run out already" in said.out
        manage("run --only expire")
        assert sum(account.available for account in Account.objects.all()) == 72
        assert manage("audit").code == 0

    def test_works_in_portions_of_whole_customers(self, past, settings):
        settings.LOYALTY_SWEEP_BATCH = 5
        manage("welcome --since 400d --yes")
        assert Award.objects.count() == 12
        assert OrderSync.objects.count() == 12

    def test_costs_a_number_of_queries_that_does_not_grow_with_its_orders(self, django_assert_max_num_queries):
        at = clock.now()
        old_orders(count=400, customers=50, until=at - timedelta(days=30))
        a_program(live_from=at)
        # Two of them for the receipts.
        with django_assert_max_num_queries(92):
            manage("welcome --since 400d --yes")
        assert Award.objects.count() == 400


class TestUndoingAWelcome:
    def test_takes_all_of_it_back_and_withdraws_the_letters(self, past):
        manage("welcome --since 400d --yes")
        said = manage("welcome --undo welcome:1 --yes")
        assert "welcome:1 is undone: 144 points of 12 orders." in said.out
        assert [(account.net, account.debt) for account in Account.objects.all()] == [(0, 0)] * 3
        assert not Event.objects.exists()
        manage("run --nightly")
        manage("reconcile --since 400d")
        assert [account.net for account in Account.objects.all()] == [0, 0, 0]
        assert mail.outbox == []
        assert manage("audit").code == 0

    def test_leaves_another_welcome_alone_and_lets_one_give_again(self, past):
        manage("welcome --yes --since", past[9].date_placed.isoformat())
        manage("welcome --since 400d --yes")
        manage("welcome --undo welcome:2 --yes")
        assert sum(account.net for account in Account.objects.all()) == 36
        said = manage("welcome --since 400d --yes")
        assert "welcome:3: 108 points for 9 orders" in said.out
        assert sum(account.net for account in Account.objects.all()) == 144
        assert manage("audit").code == 0

    def test_leaves_out_what_went_back_since_when_it_gives_again(self, past):
        manage("welcome --since 400d --yes")
        manage("welcome --undo welcome:1 --yes")
        come_back(line=past[0].lines.get(), quantity=1)
        said = manage("welcome --since 400d --yes")
        assert "in all   132 points; " in said.out
        assert sum(account.net for account in Account.objects.all()) == 132
        assert manage("audit").code == 0

    def test_writes_nothing_when_tried_dry(self, past):
        manage("welcome --since 400d --yes")
        before = books()
        assert "12 orders, 144 points stand" in manage("welcome --undo welcome:1 --dry-run").out
        assert books() == before


class TestBadInput:
    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ("welcome --since 2d --program nope", "there is no program 'nope'; there are: club"),
            ("welcome --undo welcome:7", "there is no batch 'welcome:7'"),
            ("welcome --since 400d", "say --yes"),
        ],
    )
    def test_is_refused(self, past, line, says):
        expect_refusal(line, says=says)

    def test_is_a_program_that_is_not_live(self):
        manage("setup")
        expect_refusal("welcome --since 2d --yes", says="is draft; a welcome needs a live program")

    def test_is_a_shop_without_a_program(self):
        expect_refusal("welcome --since 2d", says="run `manage.py loyalty_setup` first")
