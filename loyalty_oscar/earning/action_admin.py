"""Points for actions in the admin: what brings how many, and who had them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import npgettext, pgettext_lazy

from loyalty_oscar.program import actors, clock, money
from loyalty_oscar.program.admin import STYLES, NoDelete, ReadOnly
from loyalty_oscar.program.operations import touch_version
from loyalty_oscar.program.pages import rendered
from loyalty_oscar.program.zones import InProgramZone

from . import operations
from .action_forms import ActionForm, kind_name, sentence
from .models import Action, ActionAward


def reads(action: Action) -> str:
    """Return a saved action as a sentence, or nothing where the program has no points yet."""
    unit = getattr(action.program, "unit", None)
    return sentence(action=action, unit=unit) if unit else ""


@admin.register(Action)
class ActionAdmin(NoDelete, InProgramZone, admin.ModelAdmin):
    """What brings points besides orders; switched off, never deleted."""

    change_form_template = "loyalty/admin/action.html"
    form = ActionForm
    list_display = ("name", "occasion", "points", "given", "budget", "is_on", "program")
    list_filter = ("program", "is_on")
    search_fields = ("name", "code", "word")

    class Media:
        css = STYLES

    @admin.display(description=pgettext_lazy("loyalty", "for what"), ordering="kind")
    def occasion(self, action: Action) -> str:
        return kind_name(action.kind)

    def get_readonly_fields(self, request: HttpRequest, obj: Action | None = None) -> tuple[str, ...]:
        return ("program", "occasion", "code") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Action | None = None) -> tuple[str, ...]:
        kind = "occasion" if obj else "kind"
        for_whom = ("told_days", "least_orders", "confirmed_only")
        return ("program", kind, "name", "code", "points", "word", "starts_at", "ends_at", *for_whom, "budget", "is_on")

    def save_model(self, request: HttpRequest, obj: Action, form: Any, change: bool) -> None:
        if change:  # What was given meanwhile is counted by the operations alone.
            obj.save(update_fields=form.changed_data)
        else:
            super().save_model(request, obj, form, change)
        touch_version(program_id=obj.program_id)

    def changeform_view(self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context=None):
        action = self.get_object(request, object_id) if object_id else None
        if action and self.has_view_or_change_permission(request, action):
            pieces = rendered(page="action", subject=action, request=request)
            extra_context = {**(extra_context or {}), "sentence": reads(action), "panels": pieces}
        return super().changeform_view(request, object_id, form_url, extra_context)


@admin.register(ActionAward)
class ActionAwardAdmin(ReadOnly, InProgramZone, admin.ModelAdmin):
    """Who got points for what, newest first."""

    list_display = ("member", "action", "source", "points", "is_given", "at", "who")
    actions = ("take_back",)
    list_filter = ("action", "is_given")
    list_select_related = ("member__user", "action")
    ordering = ("-pk",)
    show_full_result_count = False

    @admin.display(description=pgettext_lazy("loyalty", "taken back by"))
    def who(self, award: ActionAward) -> str:
        return actors.name(award.barred_by) if award.barred_by else ""

    def has_take_back_permission(self, request: HttpRequest) -> bool:
        """Return whether somebody may take points back: who may change actions."""
        return request.user.has_perm("loyalty_earning.change_action")

    @admin.action(description=pgettext_lazy("loyalty", "Take these points back, for good"), permissions=["take_back"])
    def take_back(self, request: HttpRequest, queryset: Any) -> None:
        who, at = actors.staff(request.user), clock.now()
        points = sum(operations.take_back(award=award, actor=who, at=at) for award in queryset.order_by("pk"))
        text = npgettext("loyalty", "%(points)s point was taken back.", "%(points)s points were taken back.", points)
        messages.success(request, text % {"points": money.number(points)}, fail_silently=True)
