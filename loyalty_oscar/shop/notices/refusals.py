"""
What the error of a failed try says: that nothing has left, so that it may be made again; or that nobody knows.

Mail and channels come with libraries of the shop's choice, whose errors are told apart by what they have in common:
answers of SMTP and HTTP have numbers, and what was raised because of another error names it.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import traceback
from collections.abc import Iterator
from itertools import islice
from typing import Any

from loyalty_oscar.program.events import NotSent

#: With these somebody says that a message does not go, or nobody was reached who could have taken it.
REFUSALS = (
    NotSent,
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPNotSupportedError,
    ConnectionRefusedError,
    socket.gaierror,
)
#: What requests, httpx, urllib3 and botocore call that nobody was reached in time; other timeouts say nothing.
NEVER_REACHED = {"ConnectTimeout", "ConnectTimeoutError"}
#: With these a gateway says that it had no answer of who may have taken the message.
UNHEARD = {502, 504}
#: What is done before a message itself leaves; by SMTP it is handed over within `sendmail`, by `data`.
REACHING = (socket.create_connection, ssl.SSLSocket.do_handshake)
ADDRESSING = (smtplib.SMTP.connect, smtplib.SMTP.starttls, smtplib.SMTP.login, smtplib.SMTP.sendmail)
BEFORE = {step.__code__ for step in (*REACHING, *ADDRESSING)}
#: So many causes are asked for; none of an error goes round in a circle.
DEPTH = 10


def nothing_left(*, error: BaseException) -> bool:
    """Return whether the error of a try says, by itself or by what it was raised because of, that nothing has left."""
    return any(_refuses(one) for one in islice(_causes(error), DEPTH))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """
    Yield an error and what it was raised because of. What was merely handled meanwhile is none of that: of two servers
    that were asked in turn the first may have refused, and the second taken the message.
    """
    while error is not None:
        yield error
        first = error.args[0] if error.args else None
        error = error.__cause__ or (first if isinstance(first, BaseException) else None)


def _refuses(error: BaseException) -> bool:
    if isinstance(error, REFUSALS) or NEVER_REACHED & {kind.__name__ for kind in type(error).__mro__}:
        return True
    if isinstance(error, smtplib.SMTPResponseException) and _is_no(error.smtp_code):
        return True
    return (_is_no(status := _status(error)) and status not in UNHEARD) or _broke_off_before(error)


def _is_no(number: Any) -> bool:
    return isinstance(number, int) and 400 <= number < 600


def _status(error: BaseException) -> Any:
    """Return the status with which HTTP answered, as anymail and sendgrid, requests and httpx, botocore, urllib say."""
    answer = getattr(error, "response", None)
    if isinstance(answer, dict):
        return answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    known = (getattr(error, "status_code", None), getattr(answer, "status_code", None), getattr(error, "status", None))
    return next((status for status in known if status), None)


def _broke_off_before(error: BaseException) -> bool:
    """Return whether it was raised as somebody was reached, or told for whom a message is, before that itself left."""
    passed = {frame.f_code for frame, _line in traceback.walk_tb(error.__traceback__)}
    # What a server said of the message is raised after `data`, and not by it.
    is_after = smtplib.SMTP.data.__code__ in passed or isinstance(error, smtplib.SMTPDataError)
    return bool(passed & BEFORE) and not is_after
