"""Members, their accounts, and points: posted to the ledger, never written past it."""

from __future__ import annotations

from typing import Any

import factory
from oscar.test.factories import UserFactory

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations
from loyalty_oscar.ledger.models import Account, Lot
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import expiry_of

from .base import OperationFactory, TheProgram, now
from .program import ProgramFactory


class MemberFactory(OperationFactory):
    """
    Somebody who takes part in a program, the default one unless another is given.

    `MemberFactory(points=500)` has points that are ready; `points__…` says more about them, see `LotFactory`. The user
    is made by Oscar's `UserFactory`; give one of your own as `user`.
    """

    class Meta:
        model = Member

    program = TheProgram(ProgramFactory)
    user = factory.SubFactory(UserFactory)
    joined_at = factory.LazyFunction(now)
    terms_version = None

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Member:
        user, at = kwargs.pop("user"), kwargs.pop("joined_at")
        return join(user_id=user.pk, at=at, **kwargs)

    @factory.post_generation
    def points(member: Member, create: bool, extracted: int | None, **kwargs: Any) -> None:
        if create and extracted:
            LotFactory(account__member=member, points=extracted, **kwargs)


class AccountFactory(OperationFactory):
    """The account of a member, opened now if there is none: `AccountFactory(points=500)`, with points as a member's."""

    class Meta:
        model = Account

    member = factory.SubFactory(MemberFactory)
    unit = factory.SelfAttribute("member.program.unit")

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Account:
        return operations.open_account(**kwargs)

    @factory.post_generation
    def points(account: Account, create: bool, extracted: int | None, **kwargs: Any) -> None:
        if create and extracted:
            LotFactory(account=account, points=extracted, **kwargs)


class LotFactory(OperationFactory):
    """
    Points for an account, as a gift: 100, ready now, and running out as the program says.

    `on_the_way` are points without a date yet; `available_at` in the future is a date, `expires_at` when they run out.
    `source` says what brought them and `key` names their entry, once per account.
    """

    class Meta:
        model = Lot

    class Params:
        on_the_way = factory.Trait(available_at=None, expires_at=None)
        for_ever = factory.Trait(expires_at=None)

    account = factory.SubFactory(AccountFactory)
    points = 100
    source = factory.Sequence(lambda n: f"gift:{n}")
    key = factory.LazyAttribute(lambda lot: f"{lot.source}:given")
    because = factory.LazyFunction(lambda: Because("goodwill"))
    at = factory.LazyFunction(now)
    available_at = factory.SelfAttribute("at")
    expires_at = factory.LazyAttribute(
        lambda lot: expiry_of(program=lot.account.unit.program, available_at=lot.available_at)
    )

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Lot:
        account, at = kwargs.pop("account"), kwargs.pop("at")
        posted = operations.post(grant=operations.LotGrant(account_id=account.pk, **kwargs), at=at)
        account.refresh_from_db()
        return Lot.objects.using(write_db()).get(entry=posted.entry)
