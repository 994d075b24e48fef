"""What a member allows: letters and personal content."""

from __future__ import annotations

from typing import Any

from django.contrib.sites.shortcuts import get_current_site
from django.utils.translation import pgettext
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_oscar.people.consents import withdraw
from loyalty_oscar.people.models import Consent
from loyalty_oscar.program import clock
from loyalty_oscar.shop.self_service.consents import ConsentState, NotAsked, allow, choices
from loyalty_oscar.shop.storefront.visit import joined

from .routes import routes
from .strict import WORDS, LongerJSON
from .views import Conflict, MemberView, NothingElse, described

LONGEST_WORDS = 1000
CONSENTS = {
    "consents": [
        {
            "purpose": "letters",
            "state": "asked",
            "since": "2026-05-06T10:00:00Z",
            "words": "Yes, Pets & Co. may write me letters by e-mail: thanks, questions and offers of the Paw Club."
            " I can stop them at any time.",
        }
    ]
}


class ConsentSerializer(serializers.Serializer):
    purpose = serializers.ChoiceField(choices=Consent.Purpose.values)
    state = serializers.ChoiceField(
        choices=[state.value for state in ConsentState],
        help_text="`asked`: a mail is on its way, and it counts once the button in it is pressed. `customer`: you get"
        " letters without having said anything, by the law of your country.",
    )
    since = serializers.DateTimeField(allow_null=True, help_text="When you said so; null where you said nothing.")
    words = serializers.CharField(help_text="What you agree to, in the language of the request: show it as it is.")

    class Meta:
        ref_name = "LoyaltyConsent"


class ConsentsSerializer(serializers.Serializer):
    consents = ConsentSerializer(many=True, help_text="What the shop has something for, or you ever spoke of.")

    class Meta:
        ref_name = "LoyaltyConsents"


class ChoiceSerializer(serializers.Serializer):
    purpose = serializers.ChoiceField(choices=Consent.Purpose.values)
    allowed = serializers.BooleanField()
    words = serializers.RegexField(
        WORDS,
        max_length=LONGEST_WORDS,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="With `true` the words that you showed; they are kept as the proof.",
    )

    class Meta:
        ref_name = "LoyaltyConsentChoice"


class ChoiceExtension(NothingElse):  # type: ignore[no-untyped-call]
    target_class = ChoiceSerializer


@routes.register("consents")
class ConsentsView(MemberView):
    """What may you do?"""

    parser_classes = [LongerJSON]

    @described(answer=ConsentsSerializer, example=CONSENTS, operation_id="loyalty_consents", summary="What you allow")
    def get(self, request: Request) -> Response:
        """Return letters and personal content, how you stand to each, and the words to allow it in."""
        return self.answer(self.visit.member)

    @described(
        answer=ConsentsSerializer,
        example=CONSENTS,
        wrong=(403, 409, 413, 415),
        operation_id="loyalty_choose_consent",
        summary="Allow or refuse",
        request=ChoiceSerializer,
    )
    def put(self, request: Request) -> Response:
        """
        Allow a purpose, or refuse it. A refusal counts at once, and so does a yes to personal content.

        A yes to letters sends a mail, and is `asked` until the button in that is pressed.
        """
        chosen, at = chosen_by(request.data), clock.now()
        member = joined(visit=self.visit, at=at)
        if member is None:
            raise NotFound
        if not chosen["allowed"]:
            withdraw(member_id=member.pk, purpose=chosen["purpose"], at=at)
            return self.answer(member)
        told = {"purpose": chosen["purpose"], "words": chosen.get("words", "")}
        site: Any = get_current_site(request)
        try:
            allow(member=member, **told, program=self.unit.program, site=site, at=at)
        except NotAsked as error:
            raise Conflict(str(error), code=error.code) from error
        return self.answer(member)

    def answer(self, member: Any) -> Response:
        found = choices(member=member, program=self.unit.program, at=clock.now())
        return Response(ConsentsSerializer({"consents": found}).data)


def chosen_by(data: Any) -> dict[str, Any]:
    """Return a body that allows or refuses a purpose. Raises `ValidationError`."""
    sent = ChoiceSerializer(data=data if isinstance(data, dict) else None)
    is_meant = isinstance(data, dict) and set(data) <= {"purpose", "allowed", "words"}
    types = {"purpose": str, "allowed": bool, "words": str}
    if not is_meant or any(type(value) is not types[name] for name, value in data.items()) or not sent.is_valid():
        text = pgettext("loyalty", "Send %(example)s, with the words that you showed, and nothing else.")
        raise ValidationError(text % {"example": '{"purpose": "letters", "allowed": true, "words": "…"}'})
    return dict(sent.validated_data)
