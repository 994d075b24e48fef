"""What members have of rewards, in the admin: the queue of staff, who hand out, undo that, and give points back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Case, DateTimeField, Model, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.periods import local_day
from loyalty_oscar.program import actors, clock, money, words
from loyalty_oscar.program.admin import STYLES, BehindFront, ReadOnly, TellsMore, too_many
from loyalty_oscar.program.csv_files import as_csv
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.finding import FindsMembers
from loyalty_oscar.program.forms import Rows
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import one_with
from loyalty_oscar.program.references import linked, referents, row_of
from loyalty_oscar.program.zones import InProgramZone

from ..forms.rewards import GiveBackForm
from ..kinds import is_by_staff
from ..models import Claim, ClaimStep
from ..operations import fulfil, give_back, not_fulfilled
from ..operations.claims import GOING_BACK

State = Claim.State


class StepInline(ReadOnly, admin.TabularInline):
    """What became of it, and who did that."""

    model = ClaimStep
    formset = Rows
    fields = ("at", "state", "why", "who", "note")
    readonly_fields = ("why", "who")
    ordering = ("pk",)
    verbose_name_plural = pgettext_lazy("loyalty", "History")

    @admin.display(description=pgettext_lazy("loyalty", "why"))
    def why(self, step: ClaimStep) -> str:
        return words.why(step.because)

    @admin.display(description=pgettext_lazy("loyalty", "by"))
    def who(self, step: ClaimStep) -> str:
        return actors.name(step.actor)


referents.register("claim")(row_of(Claim))


@admin.register(Claim)
class ClaimAdmin(BehindFront, TellsMore, FindsMembers, ReadOnly, InProgramZone, admin.ModelAdmin):
    """Every reward that a member has or had: first what waits for staff, the oldest first; then the newest."""

    change_form_template = "loyalty/admin/claim.html"
    actions = ("hand_out", "not_handed_out", "give_back", "download")
    list_display = ("reward", "member", "state", "text", "got_at", "valid_until", "paid_in_words")
    list_display_links = ("reward",)
    list_filter = ("state", "reward")
    list_select_related = ("reward__program__unit", "member__user")
    ordering = (
        Case(When(state=State.ASKED, then="got_at"), default=Value(None), output_field=DateTimeField()).asc(
            nulls_last=True
        ),
        "-pk",
    )
    show_full_result_count = False
    search_help_text = pgettext_lazy(  # type: ignore[misc]  # Of `ModelAdmin` and of `FindsMembers`.
        "loyalty", "Name, e-mail address, order number, public id, or the reward"
    )
    fields = ("reward", "member", "state", "text", "got_at", "valid_until", "paid_in_words", "reference")
    readonly_fields = ("paid_in_words", "reference")
    inlines = (StepInline,)

    class Media:
        css = STYLES

    @admin.display(description=pgettext_lazy("loyalty", "reference"))
    def reference(self, claim: Claim) -> str:
        return linked(reference=claim.key)

    def program_of(self, obj: Claim) -> Any:
        return obj.reward.program

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (*super().get_search_fields(request), "reward__name")

    @admin.display(description=pgettext_lazy("loyalty", "for"), ordering="paid")
    def paid_in_words(self, claim: Claim) -> str:
        unit = claim.reward.program.unit_or_none
        if not claim.paid:
            return pgettext("loyalty", "a gift")
        return words.points(unit=unit, points=claim.paid) if unit else money.number(claim.paid)

    def has_fulfil_permission(self, request: HttpRequest) -> bool:
        """Return whether somebody may hand rewards out, and give them back."""
        return request.user.has_perm("loyalty_redemption.fulfil_claim")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_view_permission(request, obj) or self.has_fulfil_permission(request)

    def told(self, request: HttpRequest, obj: Claim) -> dict[str, Any]:
        """Return the actions that are open from here, by their names."""
        known: Any = self.get_actions(request)
        is_own = bool(own_of([obj], request.user))
        return {
            "deeds": [
                (name, known[name][2])
                for name, is_open in ACTIONS.items()
                if name in known and is_open(obj) and not (is_own and name in BRINGS)
            ],
            "list_url": reverse("admin:loyalty_redemption_claim_changelist"),
        }

    # What staff do ------------------------------------------------------------------------------------------------

    @admin.action(description=pgettext_lazy("loyalty", "Handed out"), permissions=["fulfil"])
    def hand_out(self, request: HttpRequest, queryset: QuerySet[Claim]) -> HttpResponse | None:
        """Mark what waits as handed out."""
        chosen, left = parted(queryset, "hand_out", request.user)
        if "confirmed" not in request.POST:
            text = npgettext(
                "loyalty",
                "%(count)s reward is marked as handed out.",
                "%(count)s rewards are marked as handed out.",
                len(chosen),
            )
            return self.ask(request, chosen, left, "hand_out", [text % {"count": money.number(len(chosen))}])
        self.each(request, chosen, lambda claim, told: fulfil(claim=claim, **told))
        return None

    @admin.action(description=pgettext_lazy("loyalty", "Not handed out after all"), permissions=["fulfil"])
    def not_handed_out(self, request: HttpRequest, queryset: QuerySet[Claim]) -> HttpResponse | None:
        """Let what was marked by mistake wait again."""
        chosen, left = parted(queryset, "not_handed_out", request.user)
        if "confirmed" not in request.POST:
            text = npgettext(
                "loyalty",
                "%(count)s reward waits to be handed out again.",
                "%(count)s rewards wait to be handed out again.",
                len(chosen),
            )
            return self.ask(request, chosen, left, "not_handed_out", [text % {"count": money.number(len(chosen))}])
        self.each(request, chosen, lambda claim, told: not_fulfilled(claim=claim, **told))
        return None

    @admin.action(description=pgettext_lazy("loyalty", "Give back, with what it cost"), permissions=["fulfil"])
    def give_back(self, request: HttpRequest, queryset: QuerySet[Claim]) -> HttpResponse | None:
        """Take what was not used from its members, for a reason, and give them their points back."""
        chosen, left = parted(queryset, "give_back", request.user)
        form = GiveBackForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self.ask(request, chosen, left, "give_back", list(_going_back(chosen)), form)
        note = form.cleaned_data["note"]
        self.each(request, chosen, lambda claim, told: give_back(claim=claim, note=note, **told))
        return None

    def ask(
        self,
        request: HttpRequest,
        chosen: list[Claim],
        left: int,
        action: str,
        sentences: list[str],
        form: forms.Form | None = None,
    ) -> HttpResponse | None:
        """Say what is done to how many, before it is; nothing where it can be done to none, or not to all at once."""
        if not chosen:
            text = pgettext("loyalty", "Nothing of that is open to what you chose.")
            messages.warning(request, text, fail_silently=True)
            return None
        if too_many(request, len(chosen)):
            return None
        if left:
            text = npgettext("loyalty", "%(count)s more stays as it is.", "%(count)s more stay as they are.", left)
            sentences = [*sentences, text % {"count": money.number(left)}]
        known: Any = self.get_actions(request)
        context = {
            **self.admin_site.each_context(request),
            "title": known[action][2],
            "opts": self.opts,
            "media": self.media,
            "action": action,
            "chosen": [claim.pk for claim in chosen],
            "sentences": sentences,
            "form": form,
            "cancel": reverse("admin:loyalty_redemption_claim_changelist"),
        }
        return TemplateResponse(request, "loyalty/admin/confirm.html", context)

    def each(self, request: HttpRequest, chosen: list[Claim], do: Callable[[Claim, dict[str, Any]], Any]) -> None:
        """Do something to each of these, and say to how many, and to which not."""
        done, told = 0, {"actor": actors.staff(request.user), "at": clock.now()}
        for claim in chosen:
            try:
                do(claim, told)
                done += 1
            except LoyaltyError as error:
                claim.refresh_from_db(using=write_db(), fields=["state"])
                text = pgettext("loyalty", "“%(reward)s” of %(member)s stays as it is: %(state)s (%(why)s).")
                said = {"reward": claim.reward, "member": claim.member, "state": claim.get_state_display()}
                messages.error(request, text % {**said, "why": error}, fail_silently=True)
        if done:
            text = npgettext("loyalty", "%(count)s is done.", "%(count)s are done.", done)
            messages.success(request, text % {"count": money.number(done)}, fail_silently=True)

    # A file -------------------------------------------------------------------------------------------------------

    @admin.action(description=pgettext_lazy("loyalty", "Download as a CSV file"), permissions=["view"])
    def download(self, request: HttpRequest, queryset: QuerySet[Claim]) -> StreamingHttpResponse:
        return as_csv(rows=_rows(queryset.select_related(*self.list_select_related)), name="rewards")


#: From where each action is open.
ACTIONS: dict[str, Callable[[Claim], bool]] = {
    "hand_out": lambda claim: claim.state == State.ASKED,
    "not_handed_out": lambda claim: claim.state == State.USED and is_by_staff(kind=claim.reward.kind),
    "give_back": lambda claim: claim.state in GOING_BACK,
}


#: These give their member something: points, or the reward once more. Nobody of staff does that for themselves.
BRINGS = {"not_handed_out", "give_back"}


def parted(queryset: QuerySet[Claim], action: str, staff: Any) -> tuple[list[Claim], int]:
    """
    Return those to which an action of somebody of staff is open, the oldest first, and how many there are to which it
    is not.
    """
    rows = list(queryset.select_related("reward__program__unit", "member__user").order_by("pk"))
    own = own_of(rows, staff) if action in BRINGS else set()
    chosen = [claim for claim in rows if ACTIONS[action](claim) and claim.pk not in own]
    return chosen, len(rows) - len(chosen)


def own_of(claims: Collection[Claim], staff: Any) -> set[int]:
    """Return which of these are of the one who asks, by another login of theirs too. One query."""
    logins = one_with(user_id=staff.pk, program_ids={claim.member.program_id for claim in claims})
    return {claim.pk for claim in claims if claim.member.user_id in logins[claim.member.program_id]}


def _going_back(chosen: Collection[Claim]) -> Iterator[str]:
    """Yield how many points go back to how many members, and how many gifts go without."""
    by_unit: dict[Unit | None, list[Claim]] = {}
    for claim in chosen:
        if claim.paid:
            by_unit.setdefault(claim.reward.program.unit_or_none, []).append(claim)
    for unit, claims in by_unit.items():
        points, people = sum(claim.paid for claim in claims), len({claim.member_id for claim in claims})
        text = npgettext(
            "loyalty",
            "%(count)s member gets %(points)s back.",
            "%(count)s members get %(points)s back.",
            people,
        )
        shown = words.points(unit=unit, points=points) if unit else money.number(points)
        yield text % {"count": money.number(people), "points": shown}
    if gifts := sum(not claim.paid for claim in chosen):
        text = npgettext(
            "loyalty",
            "%(count)s gift is taken back; nobody paid for it.",
            "%(count)s gifts are taken back; nobody paid for them.",
            gifts,
        )
        yield text % {"count": money.number(gifts)}


def _rows(claims: QuerySet[Claim]) -> Iterator[list[Any]]:
    yield [
        pgettext("loyalty", "Reward"),
        pgettext("loyalty", "Member"),
        pgettext("loyalty", "State"),
        pgettext("loyalty", "What the member wrote"),
        pgettext("loyalty", "Since"),
        pgettext("loyalty", "Good until"),
        pgettext("loyalty", "For"),
    ]
    for claim in claims.iterator(chunk_size=500):
        zone, unit = claim.reward.program.time_zone, claim.reward.program.unit_or_none
        yield [
            claim.reward,
            claim.member,
            claim.get_state_display(),
            claim.text,
            local_day(at=claim.got_at, zone=zone),
            local_day(at=claim.valid_until, zone=zone) if claim.valid_until else "",
            words.points(unit=unit, points=claim.paid) if unit and unit.is_money else claim.paid,
        ]
