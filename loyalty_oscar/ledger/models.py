"""
The ledger's tables. Entry and LotMove are append-only (triggers hold that); nothing here is ever deleted.

The constraints are the second guard: with every lock removed, they alone still stop a double spend.
"""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import pgettext_lazy

from loyalty_oscar.program.models import Member, Unit
from loyalty_oscar.program.words import why


class Account(models.Model):
    """
    What one member has of one unit, in four buckets of points.

    The row is locked for every change; `seq` numbers its entries without a gap. Of a member who was merged into another
    one, `passed_to` is the account that has it all now: whatever is done at this one is done there.
    """

    member = models.ForeignKey(
        Member, models.PROTECT, related_name="accounts", verbose_name=pgettext_lazy("loyalty", "member")
    )
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="+", verbose_name=pgettext_lazy("loyalty", "program"))
    available = models.BigIntegerField(pgettext_lazy("loyalty", "ready"), default=0)
    pending = models.BigIntegerField(pgettext_lazy("loyalty", "on the way"), default=0)
    reserved = models.BigIntegerField(pgettext_lazy("loyalty", "set aside"), default=0)
    debt = models.BigIntegerField(pgettext_lazy("loyalty", "to make up"), default=0)
    lifetime_earned = models.BigIntegerField(pgettext_lazy("loyalty", "earned so far"), default=0)
    seq = models.PositiveBigIntegerField(default=0)
    passed_to = models.ForeignKey("self", models.PROTECT, null=True, editable=False, related_name="+")

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "account")
        verbose_name_plural = pgettext_lazy("loyalty", "accounts")
        permissions = [
            ("adjust_account", "Can give and take points by hand"),
            ("goodwill_account", "Can give goodwill points"),
            ("bulk_account", "Can give points to many members from a file"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["member", "unit"], name="loyalty_account_member_unit"),
            models.CheckConstraint(
                condition=Q(available__gte=0, pending__gte=0, reserved__gte=0, debt__gte=0),
                name="loyalty_account_not_negative",
            ),
            models.CheckConstraint(condition=Q(debt=0) | Q(available=0), name="loyalty_account_debt_or_ready"),
        ]

    def __str__(self) -> str:
        return str(self.member)

    @property
    def net(self) -> int:
        """Everything the member has, less what is to be made up (points)."""
        return self.available + self.pending + self.reserved - self.debt


class Kind(models.TextChoices):
    """What an entry does. Codes are for ever."""

    EARN = "earn", pgettext_lazy("loyalty", "earned")
    MATURE = "mature", pgettext_lazy("loyalty", "became ready")
    HOLD = "hold", pgettext_lazy("loyalty", "set aside")
    RELEASE = "release", pgettext_lazy("loyalty", "given back")
    CAPTURE = "capture", pgettext_lazy("loyalty", "used")
    CLAW = "claw", pgettext_lazy("loyalty", "taken back")
    RESTORE = "restore", pgettext_lazy("loyalty", "returned")
    EXPIRE = "expire", pgettext_lazy("loyalty", "run out")
    EXTEND = "extend", pgettext_lazy("loyalty", "extended")
    ADJUST = "adjust", pgettext_lazy("loyalty", "adjusted")
    WELCOME = "welcome", pgettext_lazy("loyalty", "welcome")
    IMPORT = "import", pgettext_lazy("loyalty", "brought along")
    TRANSFER = "transfer", pgettext_lazy("loyalty", "passed on")


class Counter(models.TextChoices):
    """The other side of an entry, so that all members and all counters sum to zero."""

    ISSUANCE = "issuance", pgettext_lazy("loyalty", "given")
    REDEMPTION = "redemption", pgettext_lazy("loyalty", "used")
    BREAKAGE = "breakage", pgettext_lazy("loyalty", "never used")
    ADJUSTMENT = "adjustment", pgettext_lazy("loyalty", "adjustments")
    TRANSFER = "transfer", pgettext_lazy("loyalty", "between members")
    SELF = "self", pgettext_lazy("loyalty", "within one account")


class Entry(models.Model):
    """One change of one account. `because` is a short code with parameters; words are found when it is shown."""

    account = models.ForeignKey(
        Account,
        models.PROTECT,
        related_name="entries",
        db_index=False,
        verbose_name=pgettext_lazy("loyalty", "account"),
    )
    seq = models.PositiveBigIntegerField()
    key = models.CharField(pgettext_lazy("loyalty", "reference"), max_length=100)
    fingerprint = models.BinaryField(max_length=16)
    kind = models.CharField(pgettext_lazy("loyalty", "kind"), max_length=10, choices=Kind)
    counter = models.CharField(pgettext_lazy("loyalty", "in the books"), max_length=10, choices=Counter)
    d_available = models.BigIntegerField(pgettext_lazy("loyalty", "ready"), default=0)
    d_pending = models.BigIntegerField(pgettext_lazy("loyalty", "on the way"), default=0)
    d_reserved = models.BigIntegerField(pgettext_lazy("loyalty", "set aside"), default=0)
    d_debt = models.BigIntegerField(pgettext_lazy("loyalty", "to make up"), default=0)
    net_after = models.BigIntegerField()
    available_after = models.BigIntegerField(pgettext_lazy("loyalty", "ready afterwards"))
    because = models.JSONField(default=dict)
    actor = models.CharField(pgettext_lazy("loyalty", "by"), max_length=40, default="system")
    effective_at = models.DateTimeField(pgettext_lazy("loyalty", "when"))
    created_at = models.DateTimeField(pgettext_lazy("loyalty", "written down"))
    reverses = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=pgettext_lazy("loyalty", "undoes"),
    )

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "change of an account")
        verbose_name_plural = pgettext_lazy("loyalty", "changes of accounts")
        constraints = [
            models.UniqueConstraint(fields=["account", "seq"], name="loyalty_entry_seq"),
            # Keys are mostly numbered: new ones come last in the index, which so stays small, and its end in memory.
            models.UniqueConstraint(fields=["key", "account"], name="loyalty_entry_key"),
            # Few entries reverse another: all others stay out of its index.
            models.UniqueConstraint(
                fields=["account", "reverses"], condition=Q(reverses__isnull=False), name="loyalty_entry_reverses"
            ),
            models.CheckConstraint(
                condition=~Q(counter="self") | Q(d_debt=F("d_available") + F("d_pending") + F("d_reserved")),
                name="loyalty_entry_self_is_zero",
            ),
            models.CheckConstraint(condition=Q(available_after__gte=0, seq__gt=0), name="loyalty_entry_sound"),
        ]
        indexes = [
            # Few entries are by hand: this costs nothing for all others, where a database can leave them out.
            models.Index(fields=["actor", "created_at"], condition=~Q(actor="system"), name="loyalty_entry_by_hand"),
        ]

    def __str__(self) -> str:
        return why(self.because)

    @property
    def net(self) -> int:
        """What the entry changes of everything the member has (points)."""
        return self.d_available + self.d_pending + self.d_reserved - self.d_debt


class Note(models.Model):
    """Words that a person typed about an entry. Beside it, so that they can be erased."""

    entry = models.OneToOneField(Entry, models.CASCADE, related_name="note")
    text = models.CharField(max_length=300)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "note")
        verbose_name_plural = pgettext_lazy("loyalty", "notes")

    def __str__(self) -> str:
        return self.text


class Batch(models.Model):
    """
    Points that one member of staff gave many members at once, from a file: `mark` stands for its contents, so the same
    file gives nothing twice. The keys of its entries begin with `prefix`.
    """

    unit = models.ForeignKey(Unit, models.PROTECT, related_name="+", verbose_name=pgettext_lazy("loyalty", "program"))
    name = models.CharField(pgettext_lazy("loyalty", "name"), max_length=100)
    mark = models.CharField(max_length=16)
    rows = models.PositiveIntegerField(pgettext_lazy("loyalty", "rows"))
    points = models.BigIntegerField(pgettext_lazy("loyalty", "how much"))
    actor = models.CharField(pgettext_lazy("loyalty", "by"), max_length=40)
    at = models.DateTimeField(pgettext_lazy("loyalty", "at"))
    undone_at = models.DateTimeField(pgettext_lazy("loyalty", "undone"), null=True)
    undone_by = models.CharField(pgettext_lazy("loyalty", "undone by"), max_length=40, blank=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "file of gifts")
        verbose_name_plural = pgettext_lazy("loyalty", "files of gifts")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["unit", "mark"], name="loyalty_batch_file")]

    def __str__(self) -> str:
        return self.name

    @property
    def prefix(self) -> str:
        """What the keys of its entries begin with; the number of the row in the file follows."""
        return f"bulk:{self.pk}:"


class Lot(models.Model):
    """
    Points that came together and run out together. `granted = remaining + reserved + what its moves took`.

    `available_at` None waits for the order's status; `expires_at` (exclusive) None means never.
    `source` names what brought it, as in the entry's key (`order:42`). `came_from` is the lot of a merged member that
    goes on in it.
    """

    class State(models.TextChoices):
        PENDING = "pending", pgettext_lazy("loyalty", "on the way")
        OPEN = "open", pgettext_lazy("loyalty", "ready")
        CLOSED = "closed", pgettext_lazy("loyalty", "empty")

    account = models.ForeignKey(Account, models.PROTECT, related_name="lots", db_index=False)
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="lots")
    source = models.CharField(pgettext_lazy("loyalty", "brought by"), max_length=60)
    granted = models.BigIntegerField(pgettext_lazy("loyalty", "how much"))
    remaining = models.BigIntegerField(pgettext_lazy("loyalty", "left"))
    reserved = models.BigIntegerField(pgettext_lazy("loyalty", "of them set aside"), default=0)
    state = models.CharField(pgettext_lazy("loyalty", "state"), max_length=8, choices=State)
    is_open = models.BooleanField()
    available_at = models.DateTimeField(pgettext_lazy("loyalty", "ready from"), null=True, blank=True)
    expires_at = models.DateTimeField(pgettext_lazy("loyalty", "run out"), null=True, blank=True)
    first_expires_at = models.DateTimeField(null=True, blank=True)
    extensions = models.PositiveSmallIntegerField(default=0)
    graced = models.BooleanField(default=False)
    came_from = models.ForeignKey("self", models.PROTECT, null=True, editable=False, related_name="+", db_index=False)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "what is left, by date")
        verbose_name_plural = pgettext_lazy("loyalty", "what is left, by date")
        constraints = [
            models.CheckConstraint(
                condition=Q(granted__gt=0, remaining__gte=0, reserved__gte=0)
                & Q(granted__gte=F("remaining") + F("reserved")),
                name="loyalty_lot_sound",
            ),
            models.CheckConstraint(condition=~Q(state="pending") | Q(reserved=0), name="loyalty_lot_pending_not_held"),
        ]
        indexes = [
            models.Index(fields=["account", "is_open", "expires_at", "id"], name="loyalty_lot_spending"),
            models.Index(fields=["source", "account"], name="loyalty_lot_source"),
            # Jobs look for open lots only, and most are closed after some years. A database without partial indexes
            # reads all lots in these jobs; what a spend asks for has its index everywhere.
            models.Index(fields=["state", "available_at"], condition=Q(is_open=True), name="loyalty_lot_maturing"),
            models.Index(fields=["expires_at", "account"], condition=Q(is_open=True), name="loyalty_lot_expiring"),
        ]

    def __str__(self) -> str:
        return self.source


class LotMove(models.Model):
    """What an entry took from a lot (positive) or put back (negative). Append-only."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="moves")
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="moves", db_index=False)
    points = models.BigIntegerField()

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "move")
        verbose_name_plural = pgettext_lazy("loyalty", "moves")
        constraints = [
            models.UniqueConstraint(fields=["account", "entry", "lot"], name="loyalty_move_once"),
            models.CheckConstraint(condition=~Q(points=0), name="loyalty_move_not_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.points}"


class Hold(models.Model):
    """
    Points set aside while a customer pays. `slot` (`basket:42`) is there while it is open, so a basket has one.

    Its identity is its own: an order number comes from the basket and is used again after a failed payment.
    `paying_since` is when a gateway was first seen at work on the slot, None while it is not. `forgiven` of what was
    used again, after it had come back, the shop bore.
    """

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("loyalty", "set aside")
        CAPTURED = "captured", pgettext_lazy("loyalty", "used")
        RELEASED = "released", pgettext_lazy("loyalty", "given back")

    public_id = models.UUIDField(pgettext_lazy("loyalty", "public id"), default=uuid.uuid4, unique=True, editable=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="holds")
    slot = models.CharField(max_length=60, null=True)
    origin = models.CharField(max_length=60)
    asked = models.BigIntegerField(pgettext_lazy("loyalty", "asked for"))
    points = models.BigIntegerField(pgettext_lazy("loyalty", "set aside"))
    captured = models.BigIntegerField(pgettext_lazy("loyalty", "used"), default=0)
    returned = models.BigIntegerField(pgettext_lazy("loyalty", "returned"), default=0)
    forgiven = models.BigIntegerField(pgettext_lazy("loyalty", "the shop bore"), default=0, db_default=0)
    state = models.CharField(pgettext_lazy("loyalty", "state"), max_length=10, choices=State, default=State.OPEN)
    created_at = models.DateTimeField(pgettext_lazy("loyalty", "since"))
    expires_at = models.DateTimeField(pgettext_lazy("loyalty", "until"))
    paying_since = models.DateTimeField(pgettext_lazy("loyalty", "at the payment page since"), null=True, blank=True)
    closed_at = models.DateTimeField(pgettext_lazy("loyalty", "ended"), null=True, blank=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "sum set aside for a basket")
        verbose_name_plural = pgettext_lazy("loyalty", "sums set aside for baskets")
        constraints = [
            models.UniqueConstraint(fields=["slot"], name="loyalty_hold_slot"),
            models.CheckConstraint(
                condition=Q(asked__gt=0, points__gt=0, points__lte=F("asked"), captured__gte=0, returned__gte=0)
                & Q(captured__lte=F("points"), returned__lte=F("captured")),
                name="loyalty_hold_sound",
            ),
            models.CheckConstraint(
                condition=Q(forgiven__gte=0, forgiven__lte=F("captured") - F("returned")),
                name="loyalty_hold_forgiven_of_used",
            ),
            models.CheckConstraint(
                condition=Q(state="open", slot__isnull=False) | (~Q(state="open") & Q(slot__isnull=True)),
                name="loyalty_hold_slot_while_open",
            ),
        ]

    def __str__(self) -> str:
        return str(self.account)


class HoldLot(models.Model):
    """Which lots a hold reserves: `points` set aside, `used` captured, `returned` given back after that."""

    hold = models.ForeignKey(Hold, models.CASCADE, related_name="lots")
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="+")
    points = models.BigIntegerField()
    used = models.BigIntegerField(default=0)
    returned = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "what is set aside, by date")
        verbose_name_plural = pgettext_lazy("loyalty", "what is set aside, by date")
        constraints = [
            models.UniqueConstraint(fields=["hold", "lot"], name="loyalty_holdlot_once"),
            models.CheckConstraint(
                condition=Q(points__gt=0, used__gte=0, returned__gte=0)
                & Q(used__lte=F("points"), returned__lte=F("used")),
                name="loyalty_holdlot_sound",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.points}"
