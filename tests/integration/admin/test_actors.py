"""Who did something, kept as text."""

import uuid
from types import SimpleNamespace

from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program import actors


class TestAnActor:
    def test_is_called_by_name_and_address_whatever_the_user_name_is(self, customer):
        assert actors.name(actors.staff(customer)) == "boris@example.com"
        customer.first_name, customer.last_name = "Boris", "Lang"
        customer.save()
        assert actors.name(actors.staff(customer)) == "Boris Lang (boris@example.com)"

    def test_fits_its_column_also_with_a_uuid_as_key(self):
        written = actors.staff(SimpleNamespace(pk=uuid.uuid4()))
        assert len(written) <= Entry._meta.get_field("actor").max_length

    def test_stays_readable_once_the_user_is_gone(self, customer):
        written = actors.staff(customer)
        customer.delete()
        assert actors.name(written) == "somebody who has left"
        assert actors.name("staff:no-such-key") == "somebody who has left"

    def test_may_be_the_shop_or_something_else(self):
        assert (actors.name("system"), actors.name("welcome:1")) == ("the shop itself", "welcome:1")
