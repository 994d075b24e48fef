"""What segments ask of members in the shop: each trait at its boundary."""

from datetime import timedelta

import pytest
from django.conf import settings
from oscar.core.loading import get_model

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.people.models import Contact, Receipt
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.registries import order_facts, traits
from loyalty_oscar.shop.segments import channel
from loyalty_oscar.testing.factories import LadderFactory, MemberFactory, ProductSetFactory, ProgramFactory
from loyalty_oscar.tiers.models import Standing
from tests.orders import imported
from tests.storefront import a_product, day, variants

pytestmark = pytest.mark.django_db
NOW = day(6, 1)


def holders(member, code, at=NOW, **params):
    """Return whether a trait holds of a member, asked alone and among all."""
    asked = {"program_id": member.program_id, "params": params, "at": at}
    alone = traits.get(code).holders(after=member.pk - 1, last=member.pk, **asked)
    every = traits.get(code).holders(after=0, last=2**63 - 1, **asked)
    assert (member.pk in alone) == (member.pk in every)
    assert not set(traits.get(code).holders(after=member.pk, last=2**63 - 1, **asked)) & {member.pk}
    assert not set(traits.get(code).holders(after=0, last=member.pk - 1, **asked)) & {member.pk}
    return member.pk in alone


@pytest.fixture
def member(unit):
    return MemberFactory(program=unit.program)


def receipt(member, order, at):
    """Write down an order of a member, as the effect of receipts does."""
    told = {"currency": "EUR", "goods_minor": 1000, "paid_minor": 1000, "pieces": 1, "changed_at": at}
    return Receipt.objects.create(
        order_id=order.pk, program=member.program, member=member, buyer=f"u:{member.user_id}", placed_at=at, **told
    )


def an_order(member, product, at=NOW, quantity=1):
    number = f"imported-{get_model('order', 'Order').objects.count()}"
    order = imported(user=member.user, lines=[(10, quantity)], placed_at=at, number=number)
    order.lines.update(product=product)
    receipt(member, order, at)
    return order


def come_back(order, quantity, kind="ShippingEvent", code="Returned"):
    """Let so many pieces of an order come back."""
    event_type = get_model("order", f"{kind}Type").objects.get_or_create(name=code, defaults={"code": code})[0]
    more = {"amount": 10} if kind == "PaymentEvent" else {}
    event = get_model("order", kind).objects.create(order=order, event_type=event_type, **more)
    get_model("order", f"{kind}Quantity").objects.create(event=event, line=order.lines.get(), quantity=quantity)


class TestWhatMembersBought:
    @pytest.fixture
    def cats(self):
        product = a_product(title="Cat food")
        ProductSetFactory(code="cats", products=[product])
        return product

    @pytest.fixture
    def dogs(self):
        product = a_product(title="Dog food")
        ProductSetFactory(code="dogs", products=[product])
        return product

    @pytest.mark.parametrize(("days_ago", "is_held"), [(0, True), (29, True), (30, False), (31, False)])
    def test_counts_for_so_many_days(self, member, cats, days_ago, is_held):
        an_order(member, cats, at=NOW - timedelta(days=days_ago))
        assert holders(member, "bought", sets=["cats"], days=30) is is_held
        assert holders(member, "not-bought", sets=["cats"], days=30) is not is_held
        assert holders(member, "owns", sets=["cats"])

    def test_does_not_count_before_it_was_bought(self, member, cats):
        an_order(member, cats, at=NOW + timedelta(seconds=1))
        assert not holders(member, "owns", sets=["cats"])

    def test_is_of_any_of_the_sets_and_of_no_other(self, member, cats, dogs):
        an_order(member, cats)
        assert holders(member, "bought", sets=["dogs", "cats"], days=30)
        assert not holders(member, "bought", sets=["dogs"], days=30)
        assert not holders(member, "not-bought", sets=["dogs", "cats"], days=30)
        assert not holders(member, "owns", sets=["gone"])

    def test_holds_of_nobody_else(self, member, cats):
        other = MemberFactory(program=member.program)
        an_order(other, cats)
        assert not holders(member, "owns", sets=["cats"])
        assert holders(member, "not-bought", sets=["cats"], days=30)

    @pytest.mark.parametrize("way", ["ShippingEvent", "PaymentEvent"])
    @pytest.mark.parametrize(("back", "is_held"), [(1, True), (2, False)])
    def test_counts_only_what_was_kept(self, member, cats, way, back, is_held):
        order = an_order(member, cats, quantity=2)
        come_back(order, back, way, "Returned" if way == "ShippingEvent" else "Refund")
        assert holders(member, "owns", sets=["cats"]) is is_held

    def test_counts_no_line_that_was_cancelled(self, member, cats, monkeypatch):
        order = an_order(member, cats)
        order.lines.update(status="Cancelled")
        assert not holders(member, "owns", sets=["cats"])

    def test_counts_no_order_that_came_to_nothing(self, member, cats):
        order = an_order(member, cats)
        Receipt.objects.filter(order_id=order.pk).update(is_gone=True)
        assert not holders(member, "owns", sets=["cats"])

    def test_counts_variants_where_their_parent_is_in_the_set(self, member, cats):
        parent = variants(5)
        ProductSetFactory(code="ropes", products=[parent])
        an_order(member, parent.children.get())
        assert holders(member, "owns", sets=["ropes"])
        assert not holders(member, "owns", sets=["cats"])

    def test_asks_one_query_however_many_there_are(self, unit, cats, django_assert_num_queries):
        for _number in range(3):
            an_order(MemberFactory(program=unit.program), cats)
        asked = {"program_id": unit.program_id, "at": NOW, "after": 0, "last": 2**63 - 1}
        traits.get("owns").holders(params={"sets": ["cats"]}, **asked)  # What a set holds is remembered.
        with django_assert_num_queries(1):
            assert len(traits.get("owns").holders(params={"sets": ["cats"]}, **asked)) == 3

    def test_tells_homes_with_dogs_from_homes_with_cats(self, unit, cats, dogs):
        homes = {(f"{kind}{number}"): MemberFactory(program=unit.program) for kind in "dcmn" for number in range(5)}
        for name, member in homes.items():
            for kind, product in (("d", dogs), ("c", cats)):
                if name[0] in (kind, "m"):
                    an_order(member, product)
        for name, member in homes.items():
            assert holders(member, "owns", sets=["cats"]) is (name[0] in "cm"), name
            assert holders(member, "owns", sets=["dogs"]) is (name[0] in "dm"), name


class TestTheLevel:
    @pytest.fixture
    def ladder(self, unit):
        return LadderFactory(program=unit.program)

    def standing(self, member, ladder, rank, **more):
        tier = ladder.tiers.filter(rank=rank).first()
        Standing.objects.filter(member=member).delete()
        Standing.objects.create(member=member, tier=tier, rank=rank, starts_at=day(1, 1), **more)

    @pytest.mark.parametrize(
        ("rank", "least", "most", "is_held"),
        [(2, 2, None, True), (1, 2, None, False), (3, 2, None, True), (3, 1, 2, False), (2, 1, 2, True),
         (2, 2, 2, True), (2, 0, 1, False), (1, 0, 0, False)],
    )  # fmt: skip
    def test_is_within(self, member, ladder, rank, least, most, is_held):
        self.standing(member, ladder, rank)
        assert holders(member, "level", least=least, most=most) is is_held

    def test_is_none_without_a_standing(self, member, ladder):
        Standing.objects.all().delete()
        lowest = 1 if ladder.tiers.get(rank=1).is_everybodys else 0
        assert holders(member, "level", least=0, most=0) is (lowest == 0)
        assert holders(member, "level", least=lowest, most=None)
        assert not holders(member, "level", least=lowest + 1, most=None)

    def test_is_over_at_the_end_of_a_strict_one(self, member, ladder):
        self.standing(member, ladder, 3, is_strict=True, kept_until=NOW)
        assert not holders(member, "level", least=3, most=None)
        assert holders(member, "level", at=NOW - timedelta(seconds=1), least=3, most=None)

    def test_is_none_where_there_are_no_levels(self, member):
        assert holders(member, "level", least=0, most=0)
        assert not holders(member, "level", least=1, most=None)


class TestPoints:
    @pytest.mark.parametrize(
        ("ready", "least", "most", "is_held"),
        [(100, 100, None, True), (99, 100, None, False), (100, None, 100, True), (101, None, 100, False),
         (100, 100, 100, True), (50, 10, 40, False), (0, 0, None, True), (0, None, 0, True)],
    )  # fmt: skip
    def test_are_within(self, unit, member, ready, least, most, is_held):
        Account.objects.update_or_create(member=member, unit=unit, defaults={"available": ready})
        assert holders(member, "points", least=least, most=most) is is_held

    def test_are_none_without_an_account(self, member):
        Account.objects.all().delete()
        assert holders(member, "points", least=None, most=5)
        assert not holders(member, "points", least=1, most=None)

    @pytest.mark.parametrize(
        ("least", "most", "field"),
        [(None, None, "least"), (5, 4, "most"), (5, 5, None), (None, 0, None), (0, None, None)],
    )
    def test_ask_for_something_that_can_be(self, least, most, field):
        assert list(traits.get("points").wrong(params={"least": least, "most": most})) == ([field] if field else [])


class TestTheLanguage:
    @pytest.mark.parametrize(("chosen", "asked", "is_held"), [("de", ["de"], True), ("de", ["fr", "pl"], False)])
    def test_is_that_of_letters(self, member, chosen, asked, is_held):
        Contact.objects.create(member=member, language=chosen)
        assert holders(member, "language", languages=asked) is is_held
        assert not holders(member, "language", languages=[settings.LANGUAGE_CODE])

    def test_is_the_shops_own_where_it_has_the_chosen_one_no_more(self, member):
        Contact.objects.create(member=member, language="eo")
        assert holders(member, "language", languages=[settings.LANGUAGE_CODE])

    def test_is_that_of_the_person_whose_mails_another_program_knows_it_of(self, member):
        other = MemberFactory(program=ProgramFactory(name="Another club"), user=member.user)
        Contact.objects.create(member=other, language="de")
        assert holders(member, "language", languages=["de"])
        assert not holders(member, "language", languages=[settings.LANGUAGE_CODE])

    def test_is_the_shops_own_where_none_was_chosen(self, unit, member):
        Contact.objects.create(member=MemberFactory(program=unit.program), language="")
        for one in Member.objects.all():
            assert holders(one, "language", languages=[settings.LANGUAGE_CODE])
            assert not holders(one, "language", languages=["de"])


class TestTheChannel:
    @pytest.fixture
    def told(self):
        class Channels(dict):
            def of_orders(self, *, order_ids):
                return {pk: self[pk] for pk in order_ids if pk in self}

            def of_visit(self, *, request):
                return None

        assert "channel" not in traits
        order_facts.register("channel")(found := Channels())
        channel.register()
        yield found
        order_facts.unregister("channel")
        traits.unregister("channel")

    def test_is_that_of_most_orders(self, member, told):
        product = a_product()
        for number, way in enumerate(["web", "app", "app"]):
            told[an_order(member, product, at=NOW - timedelta(days=number)).pk] = way
        assert holders(member, "channel", channel="app")
        assert not holders(member, "channel", channel="web")

    def test_is_that_of_a_year(self, member, told):
        product = a_product()
        told[an_order(member, product, at=NOW - timedelta(days=365)).pk] = "web"
        assert not holders(member, "channel", channel="web")
