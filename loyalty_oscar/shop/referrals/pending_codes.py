"""
The code that a visit carries: in its session, and, once the store's consent hook allows it, in a signed cookie.

What is carried is only ever a well-formed code with the moment it was first seen. Whether it is anybody's code is
asked when it is used, so a page never answers differently to a right one and a wrong one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core.signing import BadSignature, Signer
from django.utils.module_loading import import_string

from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.referrals.rules import read_code

from ..storefront import throttle

KEY = COOKIE = "loyalty_invited"
SALT = "loyalty_oscar.referrals.invited"
LIFETIME = timedelta(days=30)
#: So many codes a visit keeps: a mistyped address must not stand in the way of the right one.
MOST = 3

#: So many visits an hour begin with a link from one network address.
NEW_VISITS = 100

Carried = tuple[str, datetime]


def take(*, request: Any, code: str, typed: bool = False, name: str = "") -> None:
    """
    Keep a code for this visit, and the first name that its link brought: the first one seen comes first, one typed by
    hand before all. Nonsense is left.
    """
    found, known = read_code(text=code), _of_session(request)
    if not found or (not typed and (len(known) >= MOST or found in dict(known))):
        return
    if not typed and not _may_begin(request):
        return
    names = {**_names(request), **({found: name} if name else {})}
    fresh = (found, clock.now())
    kept = [fresh, *(row for row in known if row[0] != found)] if typed else [*known, fresh]
    request.session[KEY] = [[code, int(at.timestamp()), names.get(code, "")] for code, at in kept[:MOST]]


def _may_begin(request: Any) -> bool:
    """
    Return whether a visit that has no session may get one for a link's sake.

    Each is a row: from one network address as many as a crowd around a poster brings, and no more.
    """
    if request.session.session_key:
        return True
    visits = {"name": f"invited:{throttle.address_of(request=request)}", "most": NEW_VISITS, "seconds": throttle.HOUR}
    return request.method != "HEAD" and not throttle.is_one_too_many(**visits, unknown=False)


def is_due(*, request: Any) -> bool:
    """Return whether a request carries a code. Asks nothing, and looks only into a session that was opened anyway."""
    session = getattr(request, "session", None)
    if session is None or not session.accessed:
        return False
    return KEY in session or (COOKIE in request.COOKIES and SESSION_KEY in session)


def carried(*, request: Any) -> list[Carried]:
    """Return the codes that a visit carries with the moments they were first seen, the one that counts first."""
    cookie = _of_cookie(request)
    return [*([cookie] if cookie else []), *_of_session(request)]


def inviter(*, request: Any) -> str:
    """Return the first name that the link of the code that counts first brought along, or nothing."""
    codes = carried(request=request)
    return _names(request).get(codes[0][0], "") if codes else ""


def is_allowed(*, request: Any) -> bool:
    """Return whether the store's consent hook (LOYALTY_REFERRAL_CONSENT) allows a cookie; without one, no."""
    return bool(conf.REFERRAL_CONSENT and import_string(conf.REFERRAL_CONSENT)(request))


def keep_in_cookie(*, request: Any, response: Any) -> None:
    """Put the first code of this visit into the cookie, unless there is one already: the first touch counts."""
    codes = _of_session(request)
    if not codes or _of_cookie(request) or not is_allowed(request=request):
        return
    code, at = codes[0]
    response.set_cookie(
        COOKIE,
        Signer(salt=SALT).sign(f"{code}.{int(at.timestamp())}"),
        max_age=LIFETIME,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
        path=settings.SESSION_COOKIE_PATH,
    )


def forget(*, request: Any, response: Any = None) -> None:
    """Carry nothing any more."""
    if getattr(request, "session", None) is not None and KEY in request.session:
        del request.session[KEY]
    if response is not None and COOKIE in request.COOKIES:
        response.delete_cookie(COOKIE, path=settings.SESSION_COOKIE_PATH, samesite="Lax")


def _of_session(request: Any) -> list[Carried]:
    return [(code, datetime.fromtimestamp(at, UTC)) for code, at, _name in _rows(request)]


def _names(request: Any) -> dict[str, str]:
    return {code: name for code, _at, name in _rows(request)}


def _rows(request: Any) -> list[tuple[str, int, str]]:
    session = getattr(request, "session", None)
    return session.get(KEY, []) if session is not None else []


def _of_cookie(request: Any) -> Carried | None:
    """Return what stands in the cookie, or None for one that we did not sign or that is too old."""
    try:
        code, _dot, at = Signer(salt=SALT).unsign(request.COOKIES.get(COOKIE, "")).partition(".")
    except BadSignature:
        return None
    came_at = datetime.fromtimestamp(int(at), UTC)
    return (code, came_at) if came_at > clock.now() - LIFETIME else None
