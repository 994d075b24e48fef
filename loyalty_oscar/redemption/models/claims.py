"""Rewards that members have: each claim with every step of its life, and the codes that are given out."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.program.models import Member, Reward


class Claim(models.Model):
    """
    A reward that a member has: for `paid` points, which `hold` knows the way back of, or as a gift (0).

    `key` makes it once ("bought:…", "tier:7:gift"). It `waits` until it is ready, is `open` until it is used, `asked`
    for while staff are to do their part, then `used`; or it is `over` (its time ran out), or `back` (it was given
    back). `because` is why it is what it is. `number` counts how often it was opened again; it gets more time for that
    once (`graced`). `text` is what the member said to staff. `revoked` is why it goes back once it is not in use any
    more: what it was given for came to nothing meanwhile.
    """

    class State(models.TextChoices):
        WAITS = "waits", pgettext_lazy("loyalty", "on the way")
        OPEN = "open", pgettext_lazy("loyalty", "can be used")
        ASKED = "asked", pgettext_lazy("loyalty", "asked for")
        USED = "used", pgettext_lazy("loyalty", "used")
        OVER = "over", pgettext_lazy("loyalty", "run out")
        BACK = "back", pgettext_lazy("loyalty", "given back")

    reward = models.ForeignKey(
        Reward, models.PROTECT, related_name="claims", verbose_name=pgettext_lazy("loyalty", "reward")
    )
    member = models.ForeignKey(
        Member, models.CASCADE, related_name="claims", verbose_name=pgettext_lazy("loyalty", "member")
    )
    key = models.CharField(pgettext_lazy("loyalty", "reference"), max_length=100)
    state = models.CharField(pgettext_lazy("loyalty", "state"), max_length=5, choices=State, default=State.OPEN)
    because = models.JSONField(default=dict)
    got_at = models.DateTimeField(pgettext_lazy("loyalty", "since"))
    ready_at = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(pgettext_lazy("loyalty", "good until"), null=True, blank=True)
    paid = models.PositiveIntegerField(pgettext_lazy("loyalty", "for"), default=0)
    hold = models.OneToOneField(Hold, models.PROTECT, related_name="claim", null=True)
    order_id = models.BigIntegerField(pgettext_lazy("loyalty", "order"), null=True, db_index=True)
    number = models.PositiveIntegerField(default=0)
    graced = models.BooleanField(default=False)
    revoked = models.JSONField(null=True, blank=True)
    text = models.CharField(pgettext_lazy("loyalty", "what the member wrote"), max_length=500, blank=True, default="")

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "reward of a member")
        verbose_name_plural = pgettext_lazy("loyalty", "rewards of members")
        permissions = [("fulfil_claim", "Can hand out and give back rewards of members")]
        constraints = [
            models.UniqueConstraint(fields=["member", "key"], name="loyalty_claim_key"),
            models.CheckConstraint(
                condition=Q(paid=0, hold__isnull=True) | Q(paid__gt=0, hold__isnull=False), name="loyalty_claim_paid"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "valid_until"], name="loyalty_claim_ends"),
            models.Index(fields=["reward", "member"], name="loyalty_claim_of"),
        ]

    def __str__(self) -> str:
        return str(self.reward)


class ClaimStep(models.Model):
    """
    One change of a claim's state, never changed itself: what it became, when, why and by whom.

    `note` is the reason that staff typed; it is erased with the member.
    """

    claim = models.ForeignKey(Claim, models.CASCADE, related_name="steps")
    state = models.CharField(pgettext_lazy("loyalty", "state"), max_length=5, choices=Claim.State)
    at = models.DateTimeField(pgettext_lazy("loyalty", "when"))
    because = models.JSONField(default=dict)
    actor = models.CharField(pgettext_lazy("loyalty", "by"), max_length=40, default="system")
    note = models.CharField(pgettext_lazy("loyalty", "reason"), max_length=500, blank=True, default="")
    order_id = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "step of a reward")
        verbose_name_plural = pgettext_lazy("loyalty", "steps of rewards")

    def __str__(self) -> str:
        return self.get_state_display()


class RewardCode(models.Model):
    """A partner's code that a reward gives out; `claim` has it, if any, and nobody else ever gets it then."""

    reward = models.ForeignKey(Reward, models.CASCADE, related_name="codes", db_index=False)
    code = models.CharField(pgettext_lazy("loyalty", "code"), max_length=100)
    claim = models.OneToOneField(Claim, models.PROTECT, related_name="code", null=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "code of a partner")
        verbose_name_plural = pgettext_lazy("loyalty", "codes of partners")
        constraints = [
            models.UniqueConstraint(
                fields=["reward", "code"],
                name="loyalty_rewardcode_once",
                violation_error_message=pgettext_lazy("loyalty", "This code is in the list already."),
            )
        ]
        indexes = [models.Index(fields=["reward"], condition=Q(claim=None), name="loyalty_rewardcode_free")]

    def __str__(self) -> str:
        return self.code
