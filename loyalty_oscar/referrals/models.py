"""The scheme of a program, each member's code, and who was brought by whom with what came of it."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import pgettext_lazy

from loyalty_oscar.program.models import Member, Program


class Scheme(models.Model):
    """What each side gets and when. A program without this row lets nobody invite."""

    program = models.OneToOneField(
        Program, models.CASCADE, related_name="referral_scheme", verbose_name=pgettext_lazy("loyalty", "program")
    )
    is_on = models.BooleanField(pgettext_lazy("loyalty", "members can invite friends"), default=True)
    giver_points = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "points for who invites"), default=150, validators=[MinValueValidator(1)]
    )
    newcomer_points = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "points for the newcomer"), default=150, validators=[MinValueValidator(1)]
    )
    least_minor = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "first order for at least (in cents)"),
        default=2000,
        help_text=pgettext_lazy(
            "loyalty",
            "Goods in the program's currency, after discounts. Both rewards are on the"
            " way then, and ready once the return period is over.",
        ),
    )
    per_month = models.PositiveIntegerField(
        pgettext_lazy("loyalty", "friends a month who bring a reward"),
        default=10,
        validators=[MinValueValidator(1)],
        help_text=pgettext_lazy("loyalty", "For each member; later ones bring nothing to the one who invites."),
    )

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "bring a friend")
        verbose_name_plural = pgettext_lazy("loyalty", "bring a friend")

    def __str__(self) -> str:
        return str(self.program)


class Code(models.Model):
    """What a member passes on: short, easy to say, and no secret."""

    member = models.OneToOneField(Member, models.CASCADE, related_name="referral_code")
    code = models.CharField(pgettext_lazy("loyalty", "code"), max_length=20)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "code of a member")
        verbose_name_plural = pgettext_lazy("loyalty", "codes of members")
        constraints = [models.UniqueConstraint(fields=["code"], name="loyalty_code_once")]

    def __str__(self) -> str:
        return self.code


class Referral(models.Model):
    """
    A newcomer and who brought them. One newcomer was brought once, by whoever was first.

    `findings` are the checks' words: `[{"check", "verdict", "because"}]`. `order_id` is the first order that
    qualified; both rewards hang on it.
    """

    class State(models.TextChoices):
        INVITED = "invited", pgettext_lazy("loyalty", "waits for the first order")
        REVIEW = "review", pgettext_lazy("loyalty", "waits for a look")
        ON_THE_WAY = "way", pgettext_lazy("loyalty", "reward on the way")
        READY = "ready", pgettext_lazy("loyalty", "rewarded")
        REVERSED = "reversed", pgettext_lazy("loyalty", "taken back")
        BLOCKED = "blocked", pgettext_lazy("loyalty", "not rewarded")

    program = models.ForeignKey(Program, models.CASCADE, related_name="+")
    giver = models.ForeignKey(
        Member, models.CASCADE, related_name="referrals", verbose_name=pgettext_lazy("loyalty", "who invited")
    )
    newcomer = models.OneToOneField(
        Member, models.CASCADE, related_name="referral", verbose_name=pgettext_lazy("loyalty", "newcomer")
    )
    state = models.CharField(pgettext_lazy("loyalty", "state"), max_length=10, choices=State, default=State.INVITED)
    bound_at = models.DateTimeField(pgettext_lazy("loyalty", "since"))
    order_id = models.BigIntegerField(pgettext_lazy("loyalty", "order"), null=True, db_index=True)
    rewarded_at = models.DateTimeField(pgettext_lazy("loyalty", "rewarded"), null=True)
    giver_points = models.PositiveIntegerField(default=0)
    newcomer_points = models.PositiveIntegerField(default=0)
    findings = models.JSONField(default=list)
    allowed_by = models.CharField(pgettext_lazy("loyalty", "decided by"), max_length=40, blank=True, default="")
    reason = models.CharField(pgettext_lazy("loyalty", "reason"), max_length=200, blank=True, default="")
    syncs = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "friend brought in")
        verbose_name_plural = pgettext_lazy("loyalty", "friends brought in")
        constraints = [
            models.CheckConstraint(condition=~Q(giver=F("newcomer")), name="loyalty_referral_not_oneself"),
        ]
        indexes = [models.Index(fields=["state"], name="loyalty_referral_queue")]

    def __str__(self) -> str:
        return f"{self.giver_id} → {self.newcomer_id}"
