"""Somebody who went through everything that the suite does with a person, and every mail that it can send."""

import re
import tempfile
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch
from urllib.parse import urlsplit
from uuid import uuid4

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.sites.models import Site
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends.base import BaseEmailBackend
from django.db import models, transaction
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.journeys.models import Case
from loyalty_oscar.journeys.planning import tell
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.people.contacts import leave_to_write
from loyalty_oscar.people.models import Consent
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.operations import buy as buy_reward
from loyalty_oscar.redemption.operations import fulfil, give_back
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.referrals.operations import bind, code_of
from loyalty_oscar.shop.dashboard.goodwill import give as goodwill
from loyalty_oscar.shop.journeys.answers import answer_link
from loyalty_oscar.shop.journeys.case_desk import settle
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.self_service.consents import words_of
from loyalty_oscar.shop.storefront.host_events import act
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import GoalFactory, LotFactory, RewardFactory, SchemeFactory
from loyalty_oscar.tiers.operations import give_tier
from loyalty_oscar.tiers.queries import ladder_of
from tests import orders
from tests.integration.commands.calling import manage
from tests.integration.exclusives.sales import PUBLIC_FROM, a_sale, a_segment
from tests.integration.journeys.deeds import a_campaign, says
from tests.integration.tiers.ladders import a_ladder
from tests.once import once
from tests.points import points_club, use
from tests.storefront import TODAY, a_basket, a_product, a_user, arrive, buy, day, ripen, send_back

EMAIL, FIRST, LAST = "zoe.quillfeather@mail.example", "Zoe", "Quillfeather"
PHONE, STREET = "+49 171 5550199", "Birdsong Lane 7"
#: By which one knows her; looked for without case, blanks and signs.
TRACES = ("zoequillfeather", "zoe.quillfeather", "quillfeather", "1715550199", "birdsong")
PASSWORD = "a good one"


class Refusing(BaseEmailBackend):
    """A mail server that refuses one recipient for good, and says whom."""

    def send_messages(self, messages):
        raise OSError({EMAIL: (550, f"no {EMAIL} here, {FIRST} {LAST}".encode())})


@once
def everything(*, between=lambda: None, club=None):
    """
    Live through it all and return Zoe, who did, with the shop and every mail that left meanwhile.

    `between` is called before each chapter; `club` is what the program has besides its name.

    She orders as a guest, registers by a friend's link, confirms her address, earns, uses, sends back, climbs and
    falls, reviews, says a code word and her birthday, is invited to sales, brings a friend, has rewards, complains, and
    staff write about her.
    """
    cache.clear()
    mail.outbox, letters = [], []
    unit = points_club(club={"name": "Paw Club", **(club or {})})
    ladder = a_ladder(unit=unit, gifts=(0, 50, 0))
    SchemeFactory(program=unit.program)
    for kind, fields in {"sign-up": {}, "review": {}, "birthday": {}, "word": {"word": "woof"}}.items():
        a_campaign(unit, kind, **fields)
    forget_cache()
    boris, clerk = a_user(), a_user("clerk@example.com")
    clerk.is_staff = True
    clerk.save()
    clerk.user_permissions.set(Permission.objects.filter(content_type__app_label__startswith="loyalty_"))
    with clock.at(day(1, 5)):
        code = code_of(member=join(program=unit.program, user_id=boris.pk, at=day(1, 2))).code
    zoe = get_user_model().objects.create_user(
        username=EMAIL, email=EMAIL, first_name=FIRST, last_name=LAST, password=PASSWORD
    )
    get_user_model().objects.filter(pk=zoe.pk).update(date_joined=day(2, 28))
    seen = SimpleNamespace(
        unit=unit, ladder=ladder, zoe=zoe, boris=boris, clerk=clerk, code=code, letters=letters, client=Client()
    )
    seen.client.force_login(zoe)
    chapters = (_comes, _confirms, _buys, _acts, _is_written_about, _looks_forward, _has_rewards, _is_asked, _complains)
    for chapter in (*chapters, _is_refused):
        between()
        chapter(seen)
    letters += mail.outbox
    return seen


def _an_address():
    country = get_model("address", "Country").objects.get_or_create(
        iso_3166_1_a2="DE", defaults={"name": "Germany", "printable_name": "Germany"}
    )[0]
    fields = {"first_name": FIRST, "last_name": LAST, "line1": STREET, "line4": "Bremen", "postcode": "28195"}
    return {**fields, "country": country, "phone_number": PHONE}


def _comes(seen):
    """An order as a guest, and a friend's link."""
    with clock.at(day(3, 1)):
        order = orders.imported(
            user=None, lines=[("12.00", 1)], placed_at=day(3, 1), status="Pending", number="g-1", guest_email=EMAIL
        )
        order.shipping_address = get_model("order", "ShippingAddress").objects.create(**_an_address())
        order.save()
        sync_orders(order_ids=[order.pk], at=day(3, 1))
        get_model("address", "UserAddress").objects.create(user=seen.zoe, **_an_address())
        bind(code=seen.code, program_id=seen.unit.program_id, user_id=seen.zoe.pk, at=day(3, 1))
        list(jobs.run(only="messages", at=day(3, 1)))


def _confirms(seen):
    """Her address is confirmed by the link in the mail: the guest's order is hers. She allows letters, too."""
    with clock.at(day(3, 2)):
        seen.client.post(reverse("loyalty:confirm-address"))
        seen.link = re.search(r"/loyalty/address/\S+/", mail.outbox[-1].body)[0]
        seen.client.post(seen.link)
        program = Program.objects.get(pk=seen.unit.program_id)  # As it is called by now.
        for purpose in Consent.Purpose.values:
            data = {"purpose": purpose, "answer": "yes", "words": words_of(purpose=purpose, program=program)}
            seen.client.post(reverse("loyalty:choose-consent"), data)
        seen.letters_link = re.search(r"/loyalty/consent/[^/\s]+/", mail.outbox[-1].body)[0]
        seen.client.post(seen.letters_link)
        leave_to_write(member_id=Member.objects.get(user=seen.zoe).pk, letter_days=3, at=day(3, 2))


def _buys(seen):
    """Orders, a return, points used, a level, a friend of hers."""
    zoe, bed = seen.zoe, a_product("Bed", "200.00")
    seen.first = arrive(buy(zoe, (a_product("Rug", "30.00"), 1), on=day(3, 3)), on=day(3, 5))
    seen.second = arrive(buy(zoe, (bed, 1), on=day(3, 6)), on=day(3, 8))
    ripen(on=day(3, 24))
    list(jobs.run(only="ready", at=day(3, 24)))
    ripen(on=day(4, 1))
    send_back(seen.first, 1, on=day(4, 2))
    toy = a_product("Rope toy", "6.50")
    with clock.at(day(4, 3)):
        basket = use(zoe, a_basket(zoe, (toy, 2)), 100, unit=seen.unit, at=day(4, 3))
        with transaction.atomic():
            third = factories.create_order(basket=basket, user=zoe)
    sync_orders(order_ids=[third.pk], at=day(4, 3))
    with clock.at(day(4, 4)):
        use(zoe, a_basket(zoe, (toy, 1)), 50, unit=seen.unit, at=day(4, 4))
    friend = a_user("friend@example.com")
    own = code_of(member=Member.objects.get(user=zoe)).code
    bind(code=own, program_id=seen.unit.program_id, user_id=friend.pk, at=day(4, 5))
    arrive(buy(friend, (bed, 1), on=day(4, 6)), on=day(4, 8))


def _acts(seen):
    """A review, a code word, a birthday, a reminder, a list, an old balance and old orders."""
    zoe = seen.zoe
    with clock.at(day(4, 10)):
        seen.client.post(reverse("loyalty:use-word"), {"word": "Woof"})
        seen.client.post(reverse("loyalty:birthday"), {"day": "5", "month": "5"})
        act(user=zoe, occasion="review", detail="42", about={"product": "Bed"})
    with clock.at(day(5, 6)):
        carrier = a_product("Explorer carrier", "57.90")
        sale = a_sale(seen.unit, carrier, percent=20, quota=10, per_member=2)
        a_segment(seen.unit, zoe, name="Friends of the house")
        seen.client.post(f"/loyalty/sales/{sale.code}/remind/")
        list(jobs.run(at=day(5, 6), nightly=True))
    seen.sale = sale


def _is_written_about(seen):
    """Staff type things about her; an old system's balance is brought along; old orders are welcomed."""
    zoe, clerk, at = seen.zoe, seen.clerk, TODAY
    said = f"{FIRST} {LAST} ({EMAIL}, {PHONE}) called from {STREET}"
    member = Member.objects.get(user=zoe)
    goodwill(staff=clerk, user=zoe, unit=seen.unit, points=10, reason=said, token=uuid4(), at=at)
    admin = Client()
    clerk.is_superuser = True
    clerk.save()
    admin.force_login(clerk)
    with clock.at(at):
        page = reverse("admin:loyalty_program_member_adjust", args=[member.pk])
        admin.post(page, {"points": 5, "reason": said, "token": str(uuid4())})
        for referral in Referral.objects.all():
            page = reverse("admin:loyalty_referrals_referral_decide", args=[referral.pk])
            admin.post(page, {"decision": "allow", "reason": said})
    gold = ladder_of(program_id=seen.unit.program_id).known_tiers[2]
    give_tier(
        ladder=ladder_of(program_id=seen.unit.program_id), member_id=member.pk, tier=gold, until=day(5, 20),
        reason=said, actor=f"staff:{clerk.pk}", at=at,
    )  # fmt: skip
    orders.imported(user=zoe, lines=[("10.00", 1)], placed_at=day(6, 1, 2024), number="old-1")
    with tempfile.TemporaryDirectory() as folder, clock.at(at):
        path = Path(folder) / f"{LAST}.csv"
        path.write_text(f"email,points,reference\n{EMAIL},100,card of {FIRST} {LAST}\n")
        assert manage("import", path).code == 0
        assert manage("welcome --since 2024-01-01 --yes").code == 0


def _looks_forward(seen):
    """A sale opens, points are about to run out, the level ends."""
    account = Account.objects.get(member__user=seen.zoe)
    LotFactory(account=account, points=7, source="gift:soon", at=TODAY, expires_at=TODAY + timedelta(days=20))
    moments = [TODAY, TODAY + timedelta(days=1), PUBLIC_FROM, day(5, 20), day(6, 25), day(6, 26)]
    for at in moments:
        with clock.at(at):
            list(jobs.run(at=at, nightly=True))


def _has_rewards(seen):
    """
    She has rewards for points: staff hand one out and give one back, and one is about to run out. Her next order
    reaches a goal.
    """
    member, said, at = Member.objects.get(user=seen.zoe), f"{FIRST} {LAST} of {STREET}", day(6, 27)
    actor = f"staff:{seen.clerk.pk}"
    GoalFactory(program=seen.unit.program, target=1, repeats=False)
    spa = RewardFactory(program=seen.unit.program, name="A day at the spa", price=5, valid_days=9, codes=["SPA-7QK2"])
    grooming = RewardFactory(program=seen.unit.program, name="A grooming", price=5, params={"ask": "Which day?"})
    with clock.at(at):
        buy_reward(reward=spa, member=member, key="1", at=at)
        done, back = (buy_reward(reward=grooming, member=member, key=key, text=said, at=at) for key in "23")
        list(jobs.run(only="messages", at=at))
        fulfil(claim=done, actor=actor, at=at)
        give_back(claim=back, note=said, actor=actor, at=at)
        list(jobs.run(at=at, nightly=True))


def _is_asked(seen):
    """A letter of a campaign asks her whether all is well."""
    told = {"occasion": "joined", "points": 0, "params": {"question": "problem"}}
    campaign = says(a_campaign(seen.unit, **told), "Is all well?", "Hello {first_name},\n\nis all well?\n\n{link}")
    member, at = Member.objects.get(user=seen.zoe), day(6, 27)
    with clock.at(at):
        tell(program_id=campaign.program_id, member_id=member.pk, occasion="joined", happened_at=at, at=at)
        list(jobs.run(at=at))
    seen.letter = next(letter for letter in mail.outbox if "List-Unsubscribe" in letter.extra_headers)
    seen.letter_links = set(re.findall(r"/loyalty/(?:stop|answer)/[^/\s]+/", seen.letter.body))


def _complains(seen):
    """Something is wrong with two of her orders: staff make one good, and the other waits."""
    member, said, at = Member.objects.get(user=seen.zoe), f"{FIRST} {LAST} of {STREET} waits", day(6, 28)
    with clock.at(at):
        for order in (seen.first, seen.second):
            about = {"member": member, "question": "problem", "source": f"order:{order.pk}:final"}
            link = answer_link(**about, order_id=order.pk, site=Site.objects.get_current())
            Client().post(urlsplit(link).path, {"choice": "wrong", "text": said})
        case = Case.objects.select_related("member__user", "program__unit").filter(member=member).first()
        settle(staff=seen.clerk, case=case, promise=Promise(points=5), reason=said, at=at)
        list(jobs.run(only="messages", at=at))


def _is_refused(seen):
    """In the end her mail server takes nothing any more, and says why."""
    at = day(7, 1)
    buy(seen.zoe, (a_product("Bone", "5.00"), 1), on=at)
    with patch("django.core.mail.backends.locmem.EmailBackend", Refusing):
        for hours in range(0, 24 * 60, 12):
            list(jobs.run(only="messages", at=at + timedelta(hours=hours)))


@contextmanager
def lived_once(blocker):
    """What is lived within it stands for all tests of a module, and is undone after them; each has a copy: `again`."""
    with blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


def again(seen):
    """What was seen, for a test that undoes what it does."""
    forget_cache()
    return deepcopy(seen)


def ours():
    """Every table of the suite; our classes of Oscar's conditions and benefits have none of their own."""
    found = [model for model in apps.get_models() if model._meta.app_label.startswith("loyalty_")]
    return [model for model in found if not model._meta.proxy]


def cells(found):
    """Every value of every row of these models as text, with where it stands."""
    for model in found:
        if not model._meta.managed:
            continue  # Oscar has one whose table is no table.
        columns = [field for field in model._meta.local_fields if not isinstance(field, models.ForeignKey)]
        names = [field.attname for field in columns]
        for row in model._base_manager.values_list("pk", *names):
            for name, value in zip(names, row[1:], strict=True):
                yield f"{model._meta.label}.{name}", str(value)
