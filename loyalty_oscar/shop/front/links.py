"""Where everything stands, by task: every list of ours in the admin that somebody may open."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.db.models import Model
from django.utils.translation import pgettext_lazy

from ..dashboard.links import admin_url

#: A task, and its lists as app and model. A feature that is not there, or a list that nobody may open, is left out.
TASKS = (
    (pgettext_lazy("loyalty", "Program"), ("loyalty_program.program",)),
    (pgettext_lazy("loyalty", "Earn"), ("loyalty_earning.rule", "loyalty_program.productset")),
    (pgettext_lazy("loyalty", "Use"), ("loyalty_redemption.useterms",)),
    (pgettext_lazy("loyalty", "Rewards"), ("loyalty_program.reward", "loyalty_redemption.claim")),
    (pgettext_lazy("loyalty", "Levels"), ("loyalty_tiers.ladder", "loyalty_tiers.memberprice")),
    (pgettext_lazy("loyalty", "Sales"), ("loyalty_exclusives.sale",)),
    (pgettext_lazy("loyalty", "Friends"), ("loyalty_referrals.scheme", "loyalty_referrals.referral")),
    (pgettext_lazy("loyalty", "Campaigns"), ("loyalty_journeys.campaign", "loyalty_journeys.goal")),
    (pgettext_lazy("loyalty", "Members"), ("loyalty_program.member", "loyalty_program.segment")),
    (
        pgettext_lazy("loyalty", "Records"),
        (
            *("loyalty_insights.book", "loyalty_insights.aim"),
            *("loyalty_ledger.account", "loyalty_ledger.entry", "loyalty_ledger.hold", "loyalty_redemption.redemption"),
            *("loyalty_journeys.occurrence", "loyalty_program.event", "loyalty_program.delivery"),
            *("loyalty_program.jobrun", "loyalty_shop.ordersync"),
        ),
    ),
)


def may_open(user: Any, model: type[Model]) -> bool:
    """Return whether somebody may look at the rows of a model, or change them."""
    label = model._meta.app_label
    # Who may decide about referrals, or hand rewards out, may see them.
    names = (get_permission_codename(action, model._meta) for action in ("view", "change", "decide", "fulfil"))
    return any(user.has_perm(f"{label}.{name}") for name in names)


def list_url(user: Any, model: type[Model]) -> str:
    """Return the list of a model in the admin, or nothing where there is none or it is not for this person."""
    opts = model._meta
    return admin_url(f"{opts.app_label}_{opts.model_name}_changelist") if may_open(user, model) else ""


def row_url(user: Any, row: Model) -> str:
    """Return the page of a row in the admin, or nothing where there is none or it is not for this person."""
    opts = row._meta
    return admin_url(f"{opts.app_label}_{opts.model_name}_change", row.pk) if may_open(user, type(row)) else ""


def tasks_of(*, user: Any) -> list[dict[str, Any]]:
    """Return the tasks that have a list for somebody, each with the names and addresses of its lists."""
    found = []
    for title, labels in TASKS:
        models = [apps.get_model(label) for label in labels if apps.is_installed(_app(label))]
        lists = [(model._meta.verbose_name_plural, list_url(user, model)) for model in models]
        found.append({"title": title, "lists": [(name, url) for name, url in lists if url]})
    return [task for task in found if task["lists"]]


def _app(label: str) -> str:
    known = {config.label: config.name for config in apps.get_app_configs()}
    return known.get(label.partition(".")[0], "")
