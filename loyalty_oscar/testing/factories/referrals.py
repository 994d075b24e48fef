"""Bringing friends: the scheme of a program, codes, and who was brought by whom."""

from __future__ import annotations

from typing import Any

import factory
from oscar.test.factories import UserFactory

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.referrals.models import Code, Referral, Scheme
from loyalty_oscar.referrals.operations import bind, code_of

from .base import OperationFactory, RowFactory, TheProgram, now
from .ledger import MemberFactory
from .program import ProgramFactory


class SchemeFactory(RowFactory):
    """
    The scheme of a program: 150 points for who invites, 100 for the newcomer, with a first order of 20.00.

    A program has it once; asked again it returns the one that is there.
    """

    class Meta:
        model = Scheme
        django_get_or_create = ("program",)

    program = TheProgram(ProgramFactory)
    giver_points = 150
    newcomer_points = 100
    least_minor = 2000


class CodeFactory(OperationFactory):
    """The code of a member, made now if there is none."""

    class Meta:
        model = Code

    member = factory.SubFactory(MemberFactory)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Code:
        return code_of(**kwargs)


class ReferralFactory(OperationFactory):
    """
    Somebody new (`user`) who came by the code of a member (`giver`); the first order decides.

    Raises `LoyaltyError` for somebody whom that member can't bring.
    """

    class Meta:
        model = Referral
        exclude = ("scheme",)

    giver = factory.SubFactory(MemberFactory)
    scheme = factory.SubFactory(SchemeFactory, program=factory.SelfAttribute("..giver.program"))
    user = factory.SubFactory(UserFactory)
    at = factory.LazyFunction(now)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Referral:
        giver, user, at = kwargs["giver"], kwargs["user"], kwargs["at"]
        made = bind(code=code_of(member=giver).code, program_id=giver.program_id, user_id=user.pk, at=at)
        if made is None:
            raise LoyaltyError(f"{giver} can't bring {user}: a member already, brought already, or the same person")
        return made
