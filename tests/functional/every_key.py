"""A shop in which everything happens that the house can post, for the table of keys in the reference."""

from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from django.db import transaction
from oscar.test import factories

from loyalty_oscar.journeys.cases import decide, open_again, open_case
from loyalty_oscar.journeys.operations import act, undo_act, use_word
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry, Lot
from loyalty_oscar.ledger.receivers import catch_up
from loyalty_oscar.people.operations import save_birthday
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.operations import change_state, join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.referrals.operations import bind
from loyalty_oscar.shop import imports
from loyalty_oscar.shop.dashboard.goodwill import give as give_goodwill
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import LotFactory, SchemeFactory
from tests.integration.commands.calling import manage
from tests.integration.journeys.deeds import a_campaign, a_night
from tests.integration.referrals.friendly import code_for
from tests.integration.tiers.ladders import a_ladder
from tests.points import points_club, use
from tests.storefront import a_basket, a_product, a_user, arrive, buy, day, ripen, send_back


def every_key(folder: Path) -> list[str]:
    """The keys of all entries, after everything that can happen has happened; `folder` takes files."""
    unit = points_club()
    boris, priya, staff = (a_user(f"{name}@example.com") for name in ("boris", "priya", "staff"))
    a_ladder(unit=unit, gifts=(5, 0, 0))
    SchemeFactory(program=unit.program)
    code = code_for(boris, unit)
    forget_cache()
    bind(code=code, program_id=unit.program_id, user_id=priya.pk, at=day(3, 1))
    order = _changed_its_mind(buy(priya, (a_product(price="30.00"), 10), on=day(3, 3)))
    ripen(on=day(4, 20))
    _deeds(unit, boris, at=day(4, 21))
    _used(unit, priya, at=day(4, 22))
    give_goodwill(staff=staff, user=boris, unit=unit, points=5, reason="a wait", token=uuid4(), at=day(4, 23))
    _made_good(boris, at=day(4, 23))
    _imported(folder, at=day(4, 24))
    _by_staff(unit, boris, staff, at=day(4, 24))
    _dated(order, at=day(4, 25))
    for number, to in enumerate(("paused", "live", "closing", "closed")):
        change_state(program=unit.program, to=to, actor="staff:1", at=day(4, 26) + timedelta(days=100 * number))
    _came_back(unit, at=day(4, 1, 2026) + timedelta(days=400))
    return list(Entry.objects.values_list("key", flat=True))


def _changed_its_mind(order):
    """Canceled after all had been promised, standing again, delivered; one piece of it came back."""
    order.set_status("Cancelled")
    sync_orders(order_ids=[order.pk], at=day(3, 4))
    order.status = "Pending"
    order.save()
    sync_orders(order_ids=[order.pk], at=day(3, 5))
    arrive(order, on=day(3, 6))
    send_back(order, 1, on=day(3, 7))
    return order


def _deeds(unit, user, *, at: datetime) -> None:
    """What actions brought, and an order that arrived; a review was withdrawn and shown again."""
    for kind in ("sign-up", "review", "birthday", "word"):
        a_campaign(unit, kind, word="woof24" if kind == "word" else None)
    forget_cache()
    told = {"program": unit.program, "user_id": user.pk, "at": at}
    act(occasion="sign-up", **told)
    act(occasion="birthday", detail="2026", **told)
    save_birthday(member=Member.objects.get(user=user), day=1, month=2, at=at)
    use_word(word="woof 24", **told)
    for _time in range(2):
        act(occasion="review", detail="42", **told)
        undo_act(user_id=user.pk, occasion="review", detail="42", at=at)
    act(occasion="review", detail="42", **told)
    a_campaign(unit, "order-final")
    arrive(buy(user, (a_product(), 1), on=at), on=at)
    a_night(at)


def _used(unit, user, *, at: datetime) -> None:
    """Points set aside and released, set aside and used, and back with a piece."""
    use(user, use(user, a_basket(user, (a_product(), 1)), 20, unit=unit, at=at), 0, unit=unit, at=at)
    basket = use(user, a_basket(user, (a_product("Bowl", "10.00"), 2)), 40, unit=unit, at=at)
    with clock.at(at), transaction.atomic():
        order = factories.create_order(basket=basket, user=user, date_placed=at)
    sync_orders(order_ids=[order.pk], at=at)
    send_back(order, 1, on=at)


def _made_good(user, *, at: datetime) -> None:
    """A case is made good, opened again, and made good by more."""
    about = {"kind": "problem", "source": "answer:1", "order_id": None, "at": at}
    case, _is_new = open_case(member=Member.objects.get(user=user), **about)
    for points in (5, 8):
        decide(case=case, promise=Promise(points=points), reason="a torn bag", actor="staff:1", at=at)
        open_again(case=case, at=at)


def _imported(folder: Path, *, at: datetime) -> None:
    rows = "email,points,reference\nboris@example.com,10,card-1\npriya@example.com,20,\n"
    (folder / "old.csv").write_text(rows, "utf-8")
    with clock.at(at):
        said = manage("import", folder / "old.csv")
    assert said.code == 0, said.err


def _by_staff(unit, user, staff, *, at: datetime) -> None:
    """Points given from a file, all of it taken back; and two members who were one for a while."""
    content = f"who,points,reason\n{user.email},7,a wait\n".encode()
    gifts = imports.read_gifts(content=content, unit=unit, staff=staff)
    imports.undo_all(batch=imports.give_all(gifts=gifts, name="May", staff=staff, at=at), staff=staff, at=at)
    gone = a_user("twin@example.com")
    member = join(program=unit.program, user_id=gone.pk, at=at)
    LotFactory(account__member=member, points=4, key=f"manual:{uuid4()}", source="manual", at=at)
    members = {"member": Member.objects.get(user=gone), "into": Member.objects.get(user=user)}
    merge = ledger.merge(**members, actor="staff:1", at=at)
    ledger.unmerge(merge=merge, actor="staff:1", at=at)


def _dated(order, *, at: datetime) -> None:
    """A date was put off by hand, and another passed."""
    lot = Lot.objects.get(source=f"order:{order.pk}")
    where = {"account_id": lot.account_id, "because": Because("extended"), "at": at}
    ledger.extend(lot_id=lot.pk, expires_at=day(12, 31, 2028), **where)
    told = {"points": 3, "key": f"manual:{uuid4()}", "source": "manual", "at": at}
    LotFactory(account=lot.account, expires_at=at + timedelta(hours=1), **told)
    list(ledger.expire_due(at=at + timedelta(hours=2)))


def _came_back(unit, *, at: datetime) -> None:
    """After the books were closed, points came back, and were written off in the next night."""
    account = Account.objects.get(member__user__email="boris@example.com")
    LotFactory(account=account, points=3, key=f"manual:{uuid4()}", source="manual", at=at, for_ever=True)
    list(catch_up(at=at))
