"""The scheme of a program, each member's code, and who was brought by whom with what came of it."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel.limits import MOST_POINTS
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.program.abstract import not_both, promised_points, promised_reward
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.registries import promise_of

from .rules import strictest


def most(name: str) -> models.CheckConstraint:
    """Return the guard that no side is promised more points than anybody can give."""
    return models.CheckConstraint(
        condition=Q(giver_points__lte=MOST_POINTS, newcomer_points__lte=MOST_POINTS),
        name=name,
        violation_error_message=pgettext_lazy("loyalty", "That is more than anybody can give."),
    )


class TwoSides(models.Model):
    """What promises something to who invites (`giver`) and to the `newcomer`: to each points, or a reward."""

    class Meta:
        abstract = True

    def promise(self, side: str) -> Promise:
        """Return what is promised to a side."""
        return promise_of(row=self, prefix=f"{side}_")


class Scheme(TwoSides):
    """What each side gets and when. A program without this row lets nobody invite."""

    program = models.OneToOneField(
        Program, models.CASCADE, related_name="referral_scheme", verbose_name=pgettext_lazy("loyalty", "program")
    )
    is_on = models.BooleanField(pgettext_lazy("loyalty", "members can invite friends"), default=True)
    giver_points = promised_points(
        pgettext_lazy("loyalty", "for who invites"),
        default=150,
        help_text=pgettext_lazy("loyalty", "0: only the newcomer gets something."),
    )
    giver_reward = promised_reward(
        pgettext_lazy("loyalty", "or a reward for who invites"),
        help_text=pgettext_lazy("loyalty", "Instead of that, whatever it costs in the catalogue."),
    )
    newcomer_points = promised_points(
        pgettext_lazy("loyalty", "for the newcomer"),
        default=150,
        help_text=pgettext_lazy("loyalty", "0: only the one who invites gets something."),
    )
    newcomer_reward = promised_reward(
        pgettext_lazy("loyalty", "or a reward for the newcomer"),
        help_text=pgettext_lazy("loyalty", "Instead of that, whatever it costs in the catalogue."),
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
    is_approved = models.BooleanField(
        pgettext_lazy("loyalty", "somebody of the shop approves every friend"),
        default=False,
        help_text=pgettext_lazy("loyalty", "First orders from then on wait for a decision before they bring anything."),
    )

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "invitation to friends")
        verbose_name_plural = pgettext_lazy("loyalty", "invitations to friends")
        constraints = [
            most("loyalty_scheme_most"),
            models.CheckConstraint(
                condition=Q(giver_points__gt=0)
                | Q(newcomer_points__gt=0)
                | Q(giver_reward__isnull=False)
                | Q(newcomer_reward__isnull=False),
                name="loyalty_scheme_brings",
                violation_error_message=pgettext_lazy("loyalty", "Somebody must get something: fill in one side."),
            ),
            not_both("loyalty_scheme_gives", "giver_", "newcomer_"),
        ]

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


class Referral(TwoSides):
    """
    A newcomer and who brought them. One newcomer was brought once, by whoever was first.

    What was promised when they came stands here and outlives a change of the scheme. `order_id` is the first order
    that qualified; both rewards hang on it. `findings` are the checks' words: `[{"check", "verdict", "because"}]`;
    a `decision` of staff overrules them. Only the order effect posts points, and only from what stands here. `mark` is
    a keyed hash of the mailbox that made the first order: it outlives the person, who is no newcomer again.
    """

    class State(models.TextChoices):
        INVITED = "invited", pgettext_lazy("loyalty", "waits for the first order")
        REVIEW = "review", pgettext_lazy("loyalty", "waits for a look")
        REWARDED = "rewarded", pgettext_lazy("loyalty", "rewarded")
        REVERSED = "reversed", pgettext_lazy("loyalty", "taken back")
        BLOCKED = "blocked", pgettext_lazy("loyalty", "not rewarded")

    class Decision(models.TextChoices):
        ALLOW = "allow", pgettext_lazy("loyalty", "allowed")
        BLOCK = "block", pgettext_lazy("loyalty", "blocked")

    program = models.ForeignKey(
        Program, models.CASCADE, related_name="+", verbose_name=pgettext_lazy("loyalty", "program")
    )
    giver = models.ForeignKey(
        Member, models.CASCADE, related_name="referrals", verbose_name=pgettext_lazy("loyalty", "who invited")
    )
    newcomer = models.OneToOneField(
        Member, models.CASCADE, related_name="referral", verbose_name=pgettext_lazy("loyalty", "newcomer")
    )
    state = models.CharField(pgettext_lazy("loyalty", "state"), max_length=10, choices=State, default=State.INVITED)
    bound_at = models.DateTimeField(pgettext_lazy("loyalty", "since"))
    giver_points = promised_points(pgettext_lazy("loyalty", "promised to who invited"))
    giver_reward = promised_reward(pgettext_lazy("loyalty", "promised to who invited"))
    newcomer_points = promised_points(pgettext_lazy("loyalty", "promised to the newcomer"))
    newcomer_reward = promised_reward(pgettext_lazy("loyalty", "promised to the newcomer"))
    least_minor = models.PositiveIntegerField(pgettext_lazy("loyalty", "first order for at least (in cents)"))
    order_id = models.BigIntegerField(pgettext_lazy("loyalty", "order"), null=True, blank=True, db_index=True)
    rewarded_at = models.DateTimeField(pgettext_lazy("loyalty", "rewarded"), null=True, blank=True)
    ready_at = models.DateTimeField(pgettext_lazy("loyalty", "ready"), null=True, blank=True)
    is_over_cap = models.BooleanField(pgettext_lazy("loyalty", "more friends than a month rewards"), default=False)
    findings = models.JSONField(pgettext_lazy("loyalty", "findings"), default=list, blank=True)
    mark = models.CharField(max_length=64, null=True, editable=False)
    decision = models.CharField(
        pgettext_lazy("loyalty", "decision"), max_length=5, choices=Decision, blank=True, default=""
    )
    decided_by = models.CharField(pgettext_lazy("loyalty", "decided by"), max_length=40, blank=True, default="")
    decided_at = models.DateTimeField(pgettext_lazy("loyalty", "decided"), null=True, blank=True)
    reason = models.CharField(pgettext_lazy("loyalty", "reason"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "friend brought in")
        verbose_name_plural = pgettext_lazy("loyalty", "friends brought in")
        constraints = [
            models.CheckConstraint(condition=~Q(giver=F("newcomer")), name="loyalty_referral_not_oneself"),
            most("loyalty_referral_most"),
            not_both("loyalty_referral_gives", "giver_", "newcomer_"),
        ]
        indexes = [
            models.Index(fields=["state"], name="loyalty_referral_queue"),
            models.Index(fields=["mark"], name="loyalty_referral_mark"),
        ]

    def __str__(self) -> str:
        text = pgettext("loyalty", "%(newcomer)s, invited by %(giver)s")
        return text % {"newcomer": self.newcomer, "giver": self.giver}

    @property
    def verdict(self) -> str:
        """What holds: the decision of staff, else the strictest word of the checks."""
        return self.decision or strictest(verdicts=[one["verdict"] for one in self.findings])

    def has(self, side: str) -> Promise:
        """Return what a side has of it now."""
        is_left_out = self.rewarded_at is None or (side == "giver" and self.is_over_cap)
        return Promise() if is_left_out else self.promise(side)
