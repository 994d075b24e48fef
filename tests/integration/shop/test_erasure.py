"""The profile is deleted on Oscar's own page: what goes is said first, the person goes, the sums stay."""

import logging
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.db.models import Sum
from django.urls import reverse
from oscar.core.loading import get_class, get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account, Entry, Hold, Note
from loyalty_oscar.program import clock
from loyalty_oscar.program.hooks import erasures
from loyalty_oscar.program.models import Delivery, Event, Member, Notice
from loyalty_oscar.shop.notices import announce_expiry, deliver
from loyalty_oscar.shop.self_service import erasure
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing.factories import LotFactory
from tests import orders
from tests.once import a_program

PASSWORD = "a good one"


def account_as_it_is():
    return Account.objects.values("available", "pending", "reserved", "seq").get()


@pytest.fixture
def account(db, django_capture_on_commit_callbacks):
    """A member with all that can be kept about one: order, note, open hold, notice, messages; 1,250 points."""
    at = clock.now()
    unit = a_program(live_from=at - timedelta(days=400))
    user = get_user_model().objects.create_user(username="boris", email="boris@example.com", password=PASSWORD)
    with django_capture_on_commit_callbacks(execute=True):
        orders.place(user=user, lines=[("50.00", 1)])
    account = Account.objects.get()
    LotFactory(account=account, points=1100, source="gift:a", at=at, expires_at=at + timedelta(days=20))
    ledger.adjust(
        account_id=account.pk, points=100, key="manual:a", because=Because("adjusted"), note="Boris of Berlin called",
        at=at, actor="staff:1",
    )  # fmt: skip
    ledger.place_hold(
        account_id=account.pk, slot="basket:7", points=300, expires_at=at + timedelta(hours=1), at=at,
        because=Because("set_aside"),
    )  # fmt: skip
    list(announce_expiry(at=at))
    account.refresh_from_db()
    assert (account.available, account.reserved, account.pending, unit.pk) == (900, 300, 50, account.unit_id)
    return account


def totals():
    return Account.objects.aggregate(*(Sum(name) for name in ("available", "pending", "reserved", "debt")))


def net():
    return sum(account.net for account in Account.objects.all())


def assert_books_are_clean():
    assert [step.wrong for step in audit() if step.wrong] == []


class TestThePageThatDeletesAProfile:
    def test_says_first_what_goes(self, client, account):
        client.force_login(account.member.user)
        page = client.get(reverse("customer:profile-delete")).content.decode().replace("\xa0", " ")
        assert "<strong>1,250 paws</strong> worth <strong>€12.50</strong> in the Paw Club" in page
        assert reverse("loyalty:export") in page
        assert page.index("1,250 paws") < page.index("delete_profile_form")

    def test_says_nothing_to_people_without_points(self, client, account):
        client.force_login(get_user_model().objects.create_user(username="new", email="new@example.com"))
        page = client.get(reverse("customer:profile-delete")).content.decode()
        assert "delete_profile_form" in page
        assert "you give up" not in page

    def test_leaves_a_pseudonym_with_the_same_sums(self, client, account):
        before, entries = net(), Entry.objects.count()
        client.force_login(account.member.user)
        answer = client.post(reverse("customer:profile-delete"), {"password": PASSWORD})
        assert answer.status_code == 302
        assert not get_user_model().objects.exists()
        member = Member.objects.get()
        assert member.user is None
        assert member.erased_at is not None
        assert net() == before == 1250
        assert Entry.objects.count() == entries + 1
        assert Entry.objects.latest("pk").kind == "release"
        assert not Hold.objects.filter(state="open").exists()
        assert_books_are_clean()

    def test_leaves_no_words_no_mail_and_no_notice(self, client, account, mailoutbox):
        assert Event.objects.filter(is_new=True).count() == 2
        client.force_login(account.member.user)
        client.post(reverse("customer:profile-delete"), {"password": PASSWORD})
        assert not Note.objects.exists()
        assert not Notice.objects.exists()
        assert not Event.objects.filter(is_new=True).exists()
        assert set(map(str, Event.objects.values_list("payload", flat=True))) == {"{}"}
        list(deliver(at=clock.now() + timedelta(days=1)))
        assert mailoutbox == []
        kept = [str(row) for model in (Entry, Event, Delivery, Member, Hold) for row in model.objects.values()]
        assert "oris" not in "".join(kept)

    def test_changes_nothing_with_a_wrong_password(self, client, account):
        before = totals()
        client.force_login(account.member.user)
        client.post(reverse("customer:profile-delete"), {"password": "guessed"})
        assert Member.objects.get().user == account.member.user
        assert (Note.objects.count(), Notice.objects.count(), totals()) == (1, 1, before)


class TestSomebodyWhoIsPaying:
    @pytest.fixture
    def basket(self, account):
        basket = get_model("basket", "Basket").objects.create(owner=account.member.user)
        basket.freeze()
        return basket

    def press(self, client):
        return client.post(reverse("customer:profile-delete"), {"password": PASSWORD}, follow=True)

    def is_there(self):
        return get_user_model().objects.filter(username="boris").exists()

    def test_is_asked_to_press_once_more_before_the_profile_goes(self, client, account, basket):
        client.force_login(account.member.user)
        before = account_as_it_is()
        assert "You seem to be paying just now." in self.press(client).content.decode()
        assert (self.is_there(), account_as_it_is()) == (True, before)
        assert self.press(client).redirect_chain[-1][0] == "/catalogue/"
        assert not self.is_there()

    @pytest.mark.parametrize("status", ["Open", "Merged", "Submitted"])
    def test_is_nobody_with_another_basket(self, client, account, basket, status):
        type(basket).objects.update(status=status)
        client.force_login(account.member.user)
        self.press(client)
        assert not self.is_there()

    def test_elsewhere_keeps_nobody_from_leaving(self, client, account, basket):
        basket.owner = get_user_model().objects.create_user(username="olga", email="olga@example.com")
        basket.save()
        client.force_login(account.member.user)
        self.press(client)
        assert not self.is_there()

    def test_meets_a_clear_answer_if_the_profile_is_gone_then(self, client, account, basket, monkeypatch):
        """An address is saved in another tab, as the checkout does, after the profile went."""

        def too_late(*args, **kwargs):
            get_user_model().objects.filter(username="boris").delete()
            raise IntegrityError("the user of this address is not there")

        basket.thaw()
        client.force_login(account.member.user)
        monkeypatch.setattr(get_class("customer.views", "AddressCreateView"), "post", too_late, raising=False)
        page = client.post(reverse("customer:address-create"), follow=True)
        assert "Nothing was ordered or saved: your profile was deleted meanwhile." in page.content.decode()
        assert page.redirect_chain[-1][0] == "/catalogue/"
        assert not page.wsgi_request.user.is_authenticated

    def test_hears_of_other_faults_as_ever(self, client, account, monkeypatch):
        def broken(*args, **kwargs):
            raise IntegrityError("something else")

        client.force_login(account.member.user)
        monkeypatch.setattr(get_class("customer.views", "AddressCreateView"), "post", broken, raising=False)
        with pytest.raises(IntegrityError):
            client.post(reverse("customer:address-create"))
        assert self.is_there()


class TestAFaultOfOurs:
    def test_never_breaks_the_deletion_and_is_made_good_by_the_job(self, account, monkeypatch, caplog):
        def broken(**kwargs):
            raise RuntimeError("the ledger is away")

        with monkeypatch.context() as patched, caplog.at_level(logging.ERROR, logger="loyalty_oscar"):
            patched.setattr(ledger, "release", broken)
            account.member.user.delete()
        assert "could not be erased" in caplog.text
        assert not get_user_model().objects.exists()
        assert (Member.objects.get().erased_at, Note.objects.count()) == (None, 1)
        assert [step.done for step in jobs.run(only="farewells") if step.finished] == [1]
        assert Member.objects.get().erased_at is not None
        assert (Note.objects.count(), Notice.objects.count()) == (0, 0)
        assert list(erasure.finish_erasures(at=clock.now())) == []
        assert_books_are_clean()


class TestErasing:
    def test_of_one_who_left_does_not_wait_for_another_who_cannot_be_erased(self, account):
        stuck, at = account.member, clock.now()
        other = Member.objects.create(program=stuck.program, joined_at=at)
        Member.objects.filter(pk=stuck.pk).update(user=None)

        @erasures.register("a-fault")
        def fail(*, member, at):
            if member.pk == stuck.pk:
                raise RuntimeError("not this one")

        try:
            [last] = [step for step in jobs.run(only="farewells") if step.finished]
        finally:
            erasures.unregister("a-fault")
        assert (last.done, "could not be erased: 1;" in last.error) == (1, True)
        assert Member.objects.get(erased_at=None) == stuck
        assert Member.objects.get(pk=other.pk).erased_at is not None
        assert Note.objects.count() == 1, "nothing of the other was touched"

    def test_twice_is_once(self, account):
        erasure.erase(member=account.member, at=clock.now())
        first, rows = Member.objects.get().erased_at, Entry.objects.count()
        erasure.erase(member=account.member, at=clock.now())
        assert (Member.objects.get().erased_at, Entry.objects.count()) == (first, rows)

    def test_leaves_the_other_members_alone(self, account):
        other = Member.objects.create(
            program=account.member.program, joined_at=clock.now(),
            user=get_user_model().objects.create_user(username="ann", email="ann@example.com"),
        )  # fmt: skip
        Notice.objects.create(member=other, topic="x", about="x", key="x", created_at=clock.now())
        account.member.user.delete()
        other.refresh_from_db()
        assert (other.user.username, other.erased_at, Notice.objects.get().member) == ("ann", None, other)

    def test_asks_every_feature_to_erase_its_own(self, account):
        asked = []
        erasures.register("test")(lambda *, member, at: asked.append(member.pk))
        try:
            account.member.user.delete()
        finally:
            erasures.unregister("test")
        assert asked == [account.member_id]

    def test_lets_the_pseudonym_s_points_run_out_by_themselves(self, account):
        account.member.user.delete()
        later = clock.now() + timedelta(days=15)
        list(announce_expiry(at=later))
        assert not Notice.objects.exists()
        assert sum(points for _account, points in ledger.expire_due(at=clock.now() + timedelta(days=21))) == 1100
        assert_books_are_clean()
