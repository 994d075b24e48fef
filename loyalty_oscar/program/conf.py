"""
The settings of the suite: one typed object, one documented field each, prefix `LOYALTY_`.

`docs/reference/settings.md` is generated from this class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings as django_settings
from django.core.signals import setting_changed
from django.utils.functional import Promise

PREFIX = "LOYALTY_"
#: Points run out at a date that their owner knew of for so many days, and no other.
BINDING_DAYS = 7
#: Topics that announce such dates.
BINDING_TOPICS = frozenset({"points-expiring", "reward-ending", "tier-ending"})
#: Colors of mails by name: what our style sheet falls back to, and what the frame around it has.
COLORS = {
    "action": "#0b6b62",
    "on_action": "#ffffff",
    "paw": "#94470a",
    "ornament": "#e38b2c",
    "soft": "#fff5e8",
    "soft_line": "#efd9b9",
    "line": "#dbe2df",
    "quiet": "#55636a",
    "warning": "#b5761a",
    "text": "#1f2a2e",
    "ground": "#edf0ed",
    "head": "#12403c",
    "on_head": "#ffffff",
    "foot": "#f3f5f1",
}


def doc(text: str, default: Any) -> Any:
    """Return a dataclass field with its documentation."""
    make = {"default_factory": lambda: default} if isinstance(default, (tuple, list, dict)) else {"default": default}
    return field(**make, metadata={"doc": text})


@dataclass(frozen=True, kw_only=True)
class LoyaltySettings:
    """Everything a store may set in its Django settings. What a merchant decides stands in the admin instead."""

    TASKS: str = doc("Where work goes after commit: `inline` (in the request) or `celery`.", "inline")
    READY_STATUS: str = doc(
        "Order status after which the return period runs. Empty: the end of the order pipeline that is not dead.", ""
    )
    COUNTS_FROM_STATUS: str = doc(
        "Order status from which an order counts for levels, and so for their gifts and for sales that ask for a level:"
        " that of a payment, say. Empty: at once, when the order is placed.",
        "",
    )
    DEAD_STATUSES: tuple[str, ...] = doc(
        "Order statuses that mean the order came to nothing; it gives no points. Case does not matter.",
        ("Cancelled", "Canceled", "Refunded", "Returned", "Payment Declined", "Failed"),
    )
    DEAD_LINE_STATUSES: tuple[str, ...] = doc(
        "Line statuses that mean all units of the line came to nothing. Case does not matter.",
        ("Cancelled", "Canceled", "Refunded", "Returned"),
    )
    HARMLESS_STATUSES: tuple[str, ...] = doc(
        "Order statuses that say nothing of what the order is worth (“Archived”): nobody is asked about them, and no"
        " return period starts with them.",
        (),
    )
    HARMLESS_LINE_STATUSES: tuple[str, ...] = doc(
        "Line statuses that leave all units of the line bought: nobody is asked about them.",
        ("Shipped", "Dispatched", "Sent", "Delivered", "Processed", "Fulfilled", "Complete", "Completed"),
    )
    RETURN_EVENT_CODES: tuple[str, ...] = doc(
        "Codes of shipping event types that say units came back. Case does not matter.", ("returned", "cancelled")
    )
    REFUND_EVENT_CODES: tuple[str, ...] = doc(
        "Codes of payment event types that say units were paid back. Case does not matter.", ("refunded", "refund")
    )
    HARMLESS_EVENT_CODES: tuple[str, ...] = doc(
        "Codes of shipping and payment event types that take nothing back: nobody is asked about them.",
        (
            *("shipped", "dispatched", "sent", "delivered", "collected"),
            *("paid", "settled", "authorised", "authorized", "captured", "charged", "debited"),
        ),
    )
    BADGE: str = doc("`render` puts the points into the page, `fetch` loads them (pages stay equal for all).", "render")
    CSS: bool = doc("Whether the storefront templates link the small style sheet of the suite.", True)
    TEASERS: tuple[str, ...] = doc(
        "What those who are not in the club see of it: `header` a link beside the shop's navigation, `footer` one at"
        " the foot of every page, `join` how to join (at registration, at the checkout's gateway, on the pages that"
        " explain the club and its sales), `price` what a product costs with the club.",
        ("header", "footer", "join", "price"),
    )
    WELCOME: bool = doc(
        "Whether a newcomer sees first steps on the account page for 30 days, and lands there after registering.", True
    )
    GOODWILL_DAILY_LIMIT: int = doc("Points that one member of staff may give as goodwill in 24 hours.", 500)
    BULK_DAILY_LIMIT: int = doc("Points that one member of staff may give from files in 24 hours.", 50_000)
    GOODWILL_REASONS: tuple[str | Promise, ...] = doc(
        "Reasons offered to staff who give goodwill points. Empty: a few of ours. Any other can be typed.", ()
    )
    EXPIRY_NOTICE_DAYS: tuple[int, ...] = doc(
        "Days before points run out on which their owner is told. A date that nobody was told of 7 days before does not"
        " bind, so the first must be 7 or more.",
        (30, 7, 1),
    )
    EXPIRY_NOTICE_LEAST: int = doc(
        "Least worth of points about to run out, in cents of the program's currency, that is told by a mail of its own."
        " Less is told along with more, or put off to the end of the next month once and told then.",
        1,
    )
    READY_NOTICE_LEAST: int = doc(
        "Least worth of points that became ready, in cents of the program's currency, that is told by a mail of its"
        " own. Less waits up to 7 days for more, and is told along with it; alone it stands on the account page only."
        " 1: every one is told.",
        10,
    )
    LEVEL_NOTICE_DAYS: tuple[int, ...] = doc(
        "Days before a level ends on which its member is told, with what keeps it.", (60, 15)
    )
    APOLOGIES: Mapping[str, int | str] = doc(
        "What staff find proposed for each kind of case: so much (100), or the code of a reward (`'free-delivery'`)."
        " They may give something else, or nothing.",
        {"problem": 100, "unhappy": 100, "parcel": 100},
    )
    LATE_PARCEL_DAYS: int = doc("Days after it was placed on which an order that has not arrived opens a case.", 21)
    GUEST_DAYS: int = doc("Days after it was placed in which a guest can keep an order's points.", 30)
    HOLD_MINUTES: int = doc("How long points stay set aside for a basket after its last change.", 30)
    GATEWAY_MINUTES: int = doc(
        "How long points and pieces of sales stay set aside while a basket is frozen: longer than the gateway waits"
        " for a payment.",
        180,
    )
    HOLD_CHANGES: int = doc(
        "How often an hour one customer may set points aside or choose another number of them; giving them back is"
        " always open. Each change stays in the ledger for ever.",
        60,
    )
    LOWEST_PRICE: bool | None = doc(
        "Whether reductions are told from the lowest price of the 30 days before (EU law). None: where the shop sends"
        " goods to a country of the European Economic Area, or knows no countries.",
        None,
    )
    CLASS_LOADER: str = doc(
        "The class loader that `loyalty_oscar.shop.pricing.loading.class_loader` asks in turn: "
        "the store's own, else Oscar's.",
        "oscar.core.loading.default_class_loader",
    )
    WORD_TRIES: int = doc(
        "How often an hour one person may try a code word; from one network address five times as often.", 10
    )
    SIGN_UPS_PER_ADDRESS: int = doc(
        "How many people a day get points for registering from one network address (households, offices).", 20
    )
    REFERRAL_CONSENT: str = doc(
        "Dotted path of a function (request) that says whether this visitor allows a cookie that keeps a friend's"
        " invitation for 30 days. Empty: no such cookie, the invitation lasts as long as the visit.",
        "",
    )
    SOLD_ELSEWHERE: str = doc(
        "Dotted path of a function (order) that says whether another shop sold this order already (a marketplace, an"
        " ERP, a till): then no sale refuses it. Empty: only what is written in `extend.admitted_elsewhere()`.",
        "",
    )
    SWEEP_BATCH: int = doc("Orders that the sweep looks at in one transaction.", 500)
    DAYTIME: tuple[int, ...] = doc(
        "From which hour to which, by the program's clock, mails leave that answer nothing a member has just done.",
        (8, 21),
    )
    UNTOLD_TOPICS: tuple[str, ...] = doc(
        "Topics of events that members are not told of, neither by mail nor in the inbox. Those that announce a date"
        " (`points-expiring`, `reward-ending`, `tier-ending`) are always told, because the date would not bind.",
        (),
    )
    MAIL_COLORS: Mapping[str, str] = doc(
        "Colors of mails, which know no CSS variables: `{'action': '#1d4ed8'}`. The names are in"
        " [Mails](mails.md#colors-and-the-emblem).",
        {},
    )
    MAIL_EMBLEM: str = doc(
        "Static file at the top of mails, beside the program's name, for example `shop/paw.png`. Empty: a star.", ""
    )
    MAIL_ATTEMPTS: int = doc("How often a message is tried before it is given up.", 8)
    API_RATE: str = doc("How often one customer may call the REST API, as Django REST framework spells it.", "120/min")


def load() -> LoyaltySettings:
    """Read the settings now; unknown names are the system checks' business, not ours."""
    names = {f.name for f in dataclasses.fields(LoyaltySettings)}
    given = {n: getattr(django_settings, PREFIX + n) for n in names if hasattr(django_settings, PREFIX + n)}
    return LoyaltySettings(**given)


class _Current:
    """The settings in force; follows `override_settings`."""

    def __init__(self) -> None:
        self._loaded: LoyaltySettings | None = None

    def __getattr__(self, name: str) -> Any:
        if self._loaded is None:
            self._loaded = load()
        return getattr(self._loaded, name)

    def forget(self, *, setting: str, **kwargs: Any) -> None:
        if setting.startswith(PREFIX):
            self._loaded = None


conf = _Current()
setting_changed.connect(conf.forget, dispatch_uid="loyalty_oscar.program.conf")
