"""A catalogue of rewards, and customers who use two of them together with points, for the benchmark."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.testing.factories import RewardFactory
from tests.rewards import have

PRICE = 50


class Rewards:
    """As many rewards as a list has products: half take something off, half are a piece."""

    page = "/loyalty/rewards/"

    def __init__(self, *, unit: Any, products: list[Any]) -> None:
        self.unit, self.all = unit, []
        for number, product in enumerate(products):
            off, piece = ("off", {"amount": 500}), ("product", {"products": [product.pk], "pieces": 1})
            kind, params = piece if number % 2 else off
            row = RewardFactory(program=unit.program, code=f"reward{number}", kind=kind, params=params, price=PRICE)
            self.all.append(row)
        forget_cache()

    def claim(self, user: Any) -> list[Claim]:
        """Let a customer have one of each kind, for points of their own."""
        at, two = timezone.now(), self.all[:2]
        account = Account.objects.get(unit=self.unit, member__user=user)
        grant = ledger.LotGrant(
            account_id=account.pk, points=PRICE * len(two), key="gift:rewards", source="gift:rewards",
            kind="adjust", because=Because("goodwill"), available_at=at,
        )  # fmt: skip
        ledger.post(grant=grant, at=at)
        return [have(user, reward, at=at) for reward in two]

    def use(self, client: Any, claims: list[Claim]) -> None:
        """Put these on the basket of a browser, as the page does."""
        for claim in claims:
            answer = client.post(f"{self.page}mine/{claim.pk}/use/")
            assert answer.status_code == 302, answer
