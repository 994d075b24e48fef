"""The one unit of a program: points, or money of its currency; what members have never changes its meaning."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse

from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.program.forms import PointsAsMoney
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.program.queries import forget_cache
from tests.points import give, on, points_club, reload
from tests.storefront import a_basket, a_product, a_user, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def cashback(db):
    """A club whose points are cents; each pays for itself."""
    unit = points_club()
    Unit.objects.update(is_money=True)
    unit.program.worths.update(points=1, minor=1)
    forget_cache()
    return Unit.objects.select_related("program").get()


class TestTheUnitOfAProgram:
    def test_is_one(self, unit):
        assert unit.program.unit == unit
        with pytest.raises(IntegrityError), transaction.atomic():
            Unit.objects.create(program=unit.program, code="stamps")

    def test_may_become_money_before_anything_is_counted(self, unit):
        unit.is_money = True
        unit.full_clean()
        unit.save()
        unit.program.currency = "USD"
        unit.program.full_clean()
        unit.program.save()
        assert Unit.objects.get().is_money
        assert Program.objects.get().currency == "USD"

    def test_stays_what_it_is_from_the_first_entry_on(self, unit):
        give(a_user(), 5, unit)
        unit.is_money = True
        with pytest.raises(ValidationError, match="Members have something already"):
            unit.full_clean()
        with pytest.raises(NotAllowed, match="there are entries already: is_money"):
            unit.save()
        assert not Unit.objects.get().is_money

    def test_keeps_its_currency_from_the_first_entry_on(self, cashback):
        give(a_user(), 5, cashback)
        program = Program.objects.get()
        program.currency = "USD"
        with pytest.raises(ValidationError, match="Members have amounts in the currency of before"):
            program.full_clean()
        with pytest.raises(NotAllowed, match="there are entries already: currency"):
            program.save()
        program.refresh_from_db()
        program.name = "Purse"
        program.save()
        assert (Program.objects.get().currency, Program.objects.get().name) == ("EUR", "Purse")

    def test_of_points_may_have_another_currency_beside_it(self, unit):
        give(a_user(), 5, unit)
        unit.program.currency = "USD"
        unit.program.full_clean()
        unit.program.save()
        assert Program.objects.get().currency == "USD"


class TestAFieldForMoney:
    field = PointsAsMoney(currency="EUR", min_value=1, max_value=10_000)

    def test_shows_and_takes_amounts_and_holds_points(self):
        assert str(self.field.prepare_value(1250)) == "12.50"
        assert self.field.prepare_value("12,5") == "12,5"
        assert self.field.clean("12.50") == 1250
        assert not self.field.has_changed(1250, "12.50")
        assert self.field.has_changed(1250, "12.51")

    @pytest.mark.parametrize("typed", ["0", "100.01", "1.005", "x", ""])
    def test_refuses_what_is_no_such_amount(self, typed):
        with pytest.raises(ValidationError):
            self.field.clean(typed)


class TestCashbackInTheShop:
    def test_is_typed_and_read_as_money(self, client, cashback):
        user = a_user()
        give(user, 2000, cashback)
        basket = a_basket(user, (a_product("Bed", "40.00"), 1))
        client.force_login(user)
        use = reverse("loyalty:use-points")
        told = text_of(client.post(use, {"points": "12.505"}, follow=True))
        assert "Enter an amount such as 12.50, 0 for none." in told
        page = client.post(use, {"points": "12.50"}, follow=True)
        assert on(reload(user, basket))[0] == 1250
        assert "You use €12.50." in text_of(page)
        assert 'name="points" value="12.50"' in page.content.decode()

    def test_is_typed_by_staff_as_money(self, admin_client, cashback):
        user = a_user()
        account = give(user, 2000, cashback)
        page = reverse("admin:loyalty_program_member_adjust", args=[account.member_id])
        token = admin_client.get(page).context["form"]["token"].value()
        admin_client.post(page, {"token": token, "points": "-7.50", "reason": "Wrong"})
        account.refresh_from_db()
        assert account.available == 1250
