"""A range that closes something stays, on whichever page and by whichever script; and without one nothing opens."""

from decimal import Decimal as D

import pytest
from django.db import transaction
from django.db.models import ProtectedError
from django.urls import reverse
from django.utils.inspect import func_accepts_kwargs
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award
from loyalty_oscar.program.models import ProductSet, Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.shop.models import ProductSetRange
from loyalty_oscar.shop.orders import range_guard
from loyalty_oscar.shop.redemption.use_points import Refused
from loyalty_oscar.shop.upkeep.doctor import Level, examine
from loyalty_oscar.testing.factories import RuleFactory
from tests.integration.exclusives.sales import a_sale, a_set
from tests.integration.tiers.ladders import a_ladder
from tests.points import give, on, points_club, reload, use
from tests.storefront import TODAY, a_basket, a_product, a_user, buy, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
Range = get_model("offer", "Range")
EARNING, USING, SALE = "earning", "using", "sale"
TEXTS = {
    EARNING: "“cards” holds the products that bring nothing in “100 % Paw”: choose others on the",
    USING: "“cards” holds products that are never paid from a balance of “100 % Paw”: take their set out on the",
    SALE: "“cards” holds the products of “First on the trail”: switch that sale off first",
}


@pytest.fixture
def card():
    return a_product("Gift card", "50.00")


@pytest.fixture
def unit():
    return points_club(club={"name": "100 % Paw"})


@pytest.fixture
def closed(unit, card):
    """A set of gift cards, and a way to have it close something."""

    def close(what):
        if what == SALE:
            a_ladder(unit=unit)
            return a_sale(unit, card, code="cards").product_set
        cards = a_set(card, code="cards")
        if what == EARNING:
            Program.objects.update(excluded_set=cards)
        else:
            UseTerms.objects.get().excluded_sets.add(cards)
        forget_cache()
        return cards

    return close


@pytest.fixture
def root(admin_client):
    return admin_client


@pytest.mark.parametrize("what", [EARNING, USING, SALE])
class TestARangeThatClosesSomething:
    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("door", ["dashboard:range-delete", "admin:offer_range_delete"])
    def test_is_not_deleted_and_the_page_says_why(self, root, closed, what, door):
        closed(what)
        address = reverse(door, args=[Range.objects.get().pk])
        answer = root.post(address, {"post": "yes"}, follow=True)
        assert answer.redirect_chain == [(address, 302)]
        assert TEXTS[what] in text_of(answer)
        assert ProductSetRange.objects.get().range_id

    @pytest.mark.parametrize(
        "script",
        [
            lambda: Range.objects.all().delete(),
            lambda: Range.objects.get().delete(),
            lambda: ProductSetRange.objects.all().delete(),
            lambda: clear(ProductSetRange.objects.get()),
        ],
        ids=["ranges", "a range", "a tie", "a tie cleared"],
    )
    def test_is_kept_from_scripts_too(self, closed, what, script):
        closed(what)
        with pytest.raises(ProtectedError) as refused, transaction.atomic():
            script()
        assert TEXTS[what] in refused.value.args[0]
        assert ProductSetRange.objects.get().range_id

    def test_is_not_cleared_in_the_admin(self, root, closed, what):
        cards = closed(what)
        address = reverse("admin:loyalty_program_productset_change", args=[cards.pk])
        tie = ProductSetRange.objects.get()
        page = root.post(address, posted(cards, tie, ""))
        assert TEXTS[what] in text_of(page)
        assert ProductSetRange.objects.get().range_id

    def test_may_give_its_set_to_another(self, root, closed, what):
        cards, other = closed(what), Range.objects.create(name="Other cards")
        address = reverse("admin:loyalty_program_productset_change", args=[cards.pk])
        assert root.post(address, posted(cards, ProductSetRange.objects.get(), other.pk)).status_code == 302
        assert ProductSetRange.objects.get().range == other
        Range.objects.get(name="cards").delete()

    def test_goes_once_it_closes_nothing(self, closed, what):
        closed(what)
        Program.objects.update(excluded_set=None, state="live")
        UseTerms.objects.get().excluded_sets.clear()
        get_model("loyalty_exclusives", "Sale").objects.update(is_on=False)
        Range.objects.get().delete()
        assert ProductSetRange.objects.get().range_id is None


def clear(tie):
    tie.range = None
    tie.save()


def posted(cards, tie, range_id):
    """The form of a product set."""
    forms = {"tie-TOTAL_FORMS": 1, "tie-INITIAL_FORMS": 1, "tie-MIN_NUM_FORMS": 1, "tie-MAX_NUM_FORMS": 1}
    row = {"tie-0-id": tie.pk, "tie-0-product_set": cards.pk, "tie-0-range": range_id}
    return {"name": cards.name, **forms, **row}


class TestTheReceivers:
    def test_are_such_as_django_takes_while_debugging(self):
        found = (range_guard.range_deleted, range_guard.tie_deleted, range_guard.tie_cleared, range_guard.set_deleted)
        assert all(map(func_accepts_kwargs, found))


class TestAFaultOfOurs:
    def test_keeps_no_range(self, closed, monkeypatch, caplog):
        closed(EARNING)
        monkeypatch.setattr(range_guard, "closed_by", lambda **told: 1 / 0)
        Range.objects.get().delete()
        assert not Range.objects.exists()
        assert "could not be seen" in caplog.text


class TestASetThatClosesSomething:
    @pytest.mark.parametrize("what", [EARNING, USING])
    def test_is_not_deleted(self, closed, what):
        cards = closed(what)
        with pytest.raises(ProtectedError), transaction.atomic():
            cards.delete()
        assert ProductSet.objects.exists()

    def test_closes_nothing_in_a_program_that_is_closed(self, closed):
        closed(EARNING)
        Program.objects.update(state="closed")
        Range.objects.get().delete()
        assert not Range.objects.exists()


def untie():
    """What only a script that goes past everything can do."""
    ProductSetRange.objects.update(range=None)
    forget_cache()


def doctor():
    return [(f.level, f.text) for f in examine(at=TODAY) if f.about == "product sets"]


class TestAnUntiedSet:
    def test_of_what_brings_nothing_shuts_earning(self, closed, card):
        user, bone = a_user(), a_product("Bone", "10.00")
        closed(EARNING)
        buy(user, (bone, 1), (card, 1), on=TODAY)
        untie()
        buy(user, (bone, 1), (card, 1), on=TODAY)
        assert list(Award.objects.order_by("pk").values_list("points", "because__c")) == [
            (10, "earned"), (0, "excluded_set_untied"),
        ]  # fmt: skip

    def test_of_what_points_cannot_pay_for_shuts_using(self, unit, closed, card):
        user = a_user()
        give(user, 1000, unit)
        closed(USING)
        basket = use(user, a_basket(user, (card, 1), (a_product("Bone", "6.00"), 1)), 600, unit=unit)
        assert on(basket) == (600, D("50.00"))
        untie()
        assert on(reload(user, basket)) == (0, D("56.00"))
        with pytest.raises(Refused) as refused:
            use(user, basket, 500, unit=unit)
        assert refused.value.code == "not_now"

    @pytest.mark.parametrize(
        ("what", "says"),
        [
            (EARNING, "no order brings anything in “100 % Paw”."),
            (USING, "nobody can use anything in “100 % Paw”."),
        ],
    )
    def test_is_an_error_for_the_doctor_and_on_the_programs_page(self, unit, closed, root, what, says):
        closed(what)
        assert doctor() == []
        untie()
        [(level, text)] = doctor()
        assert level == Level.ERROR
        assert says in text
        page = root.get(reverse("admin:loyalty_program_program_change", args=[unit.program_id]))
        assert says in text_of(page)

    def test_that_only_narrows_rules_is_a_warning(self, unit):
        a_set(a_product(), code="beds")
        RuleFactory(program=unit.program, narrowed=[{"code": "product-set", "params": {"sets": ["beds"]}}])
        untie()
        assert [level for level, _text in doctor()] == [Level.WARNING]

    def test_that_nobody_names_is_nothing(self, unit):
        a_set(a_product(), code="beds")
        untie()
        assert doctor() == []


class TestThePageThatExplains:
    def test_still_has_its_example(self, client, closed):
        closed(EARNING)
        page = client.get(reverse("loyalty:how-it-works"))
        assert "62 paws" in text_of(page)
