"""
Mail that fails, at real servers of SMTP and HTTP: a letter of a campaign is tried again only where nothing has left, so
that it comes at most once; a contract notice is, so that it comes at least once.
"""

import json
import smtplib
import threading
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

import pytest
import requests
from django.core.mail import DNS_NAME
from django.core.mail.backends.base import BaseEmailBackend
from django.test import override_settings

from loyalty_oscar import extend
from loyalty_oscar.journeys.operations import act
from loyalty_oscar.program.models import Delivery
from loyalty_oscar.shop.notices import deliver
from loyalty_oscar.shop.notices.refusals import nothing_left
from tests.crowd.mailbox import Speaks, mailbox
from tests.services import free_port
from tests.storefront import day

from .deeds import a_campaign, a_member, allows, says

NOON = day(5, 6)
LATER = day(5, 7)
SMTP = "django.core.mail.backends.smtp.EmailBackend"
#: How long anybody waits for an answer here, in seconds.
PATIENCE = 0.5


@pytest.fixture(autouse=True, scope="module")
def _named():
    DNS_NAME.get_fqdn()  # Asked once.


@pytest.fixture
def member(unit):
    return allows(a_member(unit, at=day(1, 1)))


def promised(unit, member):
    """Something of which both a contract notice and a letter tell."""
    says(a_campaign(unit, points=50))
    act(program=unit.program, user_id=member.user_id, occasion="review", detail="1", at=NOON)


def times(names, topic):
    """How often a server had the message of a topic."""
    return sum(number for name, number in names.items() if name.startswith(f"<{topic}."))


def failing(at, reply):
    """A mail server that answers a line (`.` is the end of a message) with a reply, or hangs up where there is none."""

    class Fails(Speaks):
        def handle(self):
            if at:
                super().handle()

        def answer(self, line):
            return self.fail() if line.startswith(at) else super().answer(line)

        def take(self):
            if at != b".":
                return super().take()
            self.read()
            return self.fail()

        def fail(self):
            if reply:
                self.say(reply)
            return bool(reply)

    return Fails


@contextmanager
def by_smtp(path, speaks=Speaks, **settings):
    with mailbox(path, speaks=speaks) as (box, port):
        told = {"EMAIL_BACKEND": SMTP, "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": port, "EMAIL_TIMEOUT": 5}
        with override_settings(**(told | settings)):
            yield box


#: Where SMTP ends, and whether the letter is tried again.
ENDS = {
    "as somebody calls": (failing(b"", ""), True),
    "with a greeting in return": (failing(b"EHLO", ""), True),
    "refused at the sender": (failing(b"MAIL", "451 later"), True),
    "cut off at the sender": (failing(b"MAIL", ""), True),
    "refused at the address": (failing(b"RCPT", "450 full"), True),
    "refused at the address for good": (failing(b"RCPT", "550 nobody"), True),
    "cut off at the address": (failing(b"RCPT", ""), True),
    "refused before the message": (failing(b"DATA", "421 going down"), True),
    "refused after the message": (failing(b".", "452 disk full"), True),
    "refused after the message for good": (failing(b".", "554 spam"), True),
    "cut off after the message": (failing(b".", ""), False),
    "with what is no answer": (failing(b".", "hello"), False),
    "with another yes": (failing(b".", "252 perhaps"), False),
}
#: Whom nobody reaches.
NOWHERE = {
    "no server": {"EMAIL_PORT": free_port()},
    "no such name": {"EMAIL_HOST": "mail.invalid"},
    "no TLS": {"EMAIL_USE_TLS": True},
    "no TLS at all": {"EMAIL_USE_SSL": True},
}


@pytest.mark.django_db
class TestATryBySmtp:
    @pytest.mark.parametrize(("speaks", "again"), ENDS.values(), ids=ENDS)
    def test_is_made_again_where_nothing_left(self, unit, member, tmp_path, speaks, again):
        promised(unit, member)
        with by_smtp(tmp_path / "first", speaks=speaks):
            assert sum(deliver(at=NOON)) == 0
        with by_smtp(tmp_path / "second") as box:
            list(deliver(at=LATER))
        assert (times(box.taken(), "campaign"), times(box.taken(), "points-gift")) == (int(again), 1)

    @pytest.mark.parametrize("settings", NOWHERE.values(), ids=NOWHERE)
    def test_that_reached_nobody_is_made_again(self, unit, member, tmp_path, settings):
        promised(unit, member)
        with by_smtp(tmp_path / "first", **settings):
            assert sum(deliver(at=NOON)) == 0
        with by_smtp(tmp_path / "second") as box:
            list(deliver(at=LATER))
        assert (times(box.taken(), "campaign"), times(box.taken(), "points-gift")) == (1, 1)


class ByRequests(BaseEmailBackend):
    """A mail backend that sends by an HTTP API with requests, as most do."""

    url = ""

    def post(self, message):
        told = {"id": message.extra_headers["Message-ID"]}
        requests.post(self.url, json=told, timeout=PATIENCE).raise_for_status()

    def send_messages(self, messages):
        for message in messages:
            self.post(message)
        return len(messages)


class ByUrllib(ByRequests):
    """The same with the standard library."""

    def post(self, message):
        told = json.dumps({"id": message.extra_headers["Message-ID"]}).encode()
        urlopen(Request(self.url, data=told), timeout=PATIENCE).close()


class AnymailAPIError(Exception):
    """As anymail has it: what an API answered."""

    def __init__(self, *args, status_code=None):
        super().__init__(*args)
        self.status_code = status_code


class LikeAnymail(ByRequests):
    """The same as anymail does it: with errors of its own, which are those of requests, too."""

    def post(self, message):
        try:
            super().post(message)
        except requests.HTTPError as error:
            raise AnymailAPIError("refused", status_code=error.response.status_code) from None
        except requests.RequestException as error:
            raise type("AnymailRequestsAPIError", (AnymailAPIError, type(error)), {})("Error posting") from error


@contextmanager
def api(status):
    """An HTTP API that answers with a status: 0 hangs up, -1 is too late; yields its URL and what it had."""
    had, done = [], threading.Event()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            told = self.rfile.read(int(self.headers["Content-Length"]))
            had.append(json.loads(told)["id"])
            if status < 0:
                done.wait(10)
            if status > 0:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", had
        finally:
            done.set()
            server.shutdown()


#: What an API says, and whether a letter is tried again.
STATUSES = {
    **dict.fromkeys((400, 401, 408, 422, 429, 500, 503), True),
    # Whoever stands before it does not know, nobody answers, or not in time.
    **dict.fromkeys((502, 504, 0, -1), False),
}
BACKENDS = [ByRequests, ByUrllib, LikeAnymail]


@pytest.mark.django_db
@pytest.mark.parametrize("backend", BACKENDS)
class TestATryByHttp:
    @pytest.mark.parametrize(("status", "again"), STATUSES.items())
    def test_is_made_again_where_nothing_left(self, unit, member, monkeypatch, backend, status, again):
        promised(unit, member)
        assert self.tried(monkeypatch, backend, status, NOON) == [1, 1]
        assert self.tried(monkeypatch, backend, 200, LATER) == [int(again), 1]
        letter = Delivery.objects.get(consumer="campaign-mail")
        assert (letter.done_at is not None, letter.error.startswith("perhaps sent")) == (again, not again)

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:{free}/", "http://api.invalid/", "https://127.0.0.1:{here}/"], ids=repr
    )
    def test_that_reached_nobody_is_made_again(self, unit, member, monkeypatch, backend, url):
        promised(unit, member)
        assert self.tried(monkeypatch, backend, 200, NOON, url=url) == [0, 0]
        assert self.tried(monkeypatch, backend, 200, LATER) == [1, 1]

    def tried(self, monkeypatch, backend, status, at, url=""):
        """How often an API had the letter and the notice as they were sent."""
        with ExitStack() as stack:
            here, had = stack.enter_context(api(status))
            told = {"free": free_port(), "here": here.rpartition(":")[2].strip("/")}
            monkeypatch.setattr(backend, "url", url.format(**told) if url else here)
            with override_settings(EMAIL_BACKEND=f"{__name__}.{backend.__name__}"):
                list(deliver(at=at))
        return [times(dict.fromkeys(had, 1), topic) for topic in ("campaign", "points-gift")]


class Sms(ByRequests):
    """A store's own channel that sends by an HTTP API."""

    def reaches(self, *, member):
        return True

    def send(self, *, message):
        requests.post(self.url, json={"id": f"<campaign.{message.key}"}, timeout=PATIENCE).raise_for_status()


@pytest.mark.django_db
class TestATryOfAChannelOfTheStore:
    @pytest.mark.parametrize(("status", "again"), [(503, 1), (504, 0), (0, 0)])
    def test_is_made_again_where_nothing_left(self, unit, member, monkeypatch, status, again):
        extend.channels.register("sms")(Sms())
        try:
            promised(unit, member)
            for answer, at, wanted in ((status, NOON, 1), (200, LATER, again)):
                with api(answer) as (url, had):
                    monkeypatch.setattr(Sms, "url", url)
                    list(deliver(at=at))
                assert len(had) == wanted
        finally:
            extend.channels.unregister("sms")


@pytest.mark.django_db
class TestAMessageThatIsNoMail:
    def test_has_not_left(self, unit, member, tmp_path):
        promised(unit, member)
        member.user.email = "boris@example.com\nBcc: all@example.com"
        member.user.save()
        with by_smtp(tmp_path / "first") as box:
            list(deliver(at=NOON))
            assert not box.taken()
            member.user.email = "boris@example.com"
            member.user.save()
            list(deliver(at=LATER))
        assert (times(box.taken(), "campaign"), times(box.taken(), "points-gift")) == (1, 1)


def with_(error, **fields):
    """An error with more to it: a status, or why it was raised."""
    for name, value in fields.items():
        setattr(error, name, value)
    return error


class TestAnError:
    @pytest.mark.parametrize(
        ("error", "wanted"),
        [
            (extend.NotSent("no network"), True),
            (ConnectionRefusedError(), True),
            (ConnectionResetError(), False),
            (TimeoutError(), False),
            (ValueError("no JSON"), False),
            (smtplib.SMTPSenderRefused(450, b"later", "shop@example.com"), True),
            (smtplib.SMTPNotSupportedError("SMTPUTF8"), True),
            (smtplib.SMTPServerDisconnected("gone"), False),
            (smtplib.SMTPDataError(399, b""), False),
            (smtplib.SMTPDataError(400, b""), True),
            (smtplib.SMTPDataError(599, b""), True),
            (smtplib.SMTPDataError(600, b""), False),
            (smtplib.SMTPDataError(-1, b""), False),
            (with_(OSError(), status_code=400), True),
            (with_(OSError(), status_code=200), False),
            (with_(OSError(), response={"ResponseMetadata": {"HTTPStatusCode": 400}}), True),
            (with_(OSError(), response={}), False),
            (requests.ConnectTimeout(), True),
            (requests.ReadTimeout(), False),
            (with_(RuntimeError(), __cause__=ConnectionRefusedError()), True),
            (RuntimeError(ConnectionRefusedError()), True),
            # Two servers were asked in turn.
            (with_(TimeoutError(), __context__=ConnectionRefusedError()), False),
            (with_(ConnectionRefusedError(), __context__=TimeoutError()), True),
        ],
        ids=repr,
    )
    def test_says_that_nothing_left_or_not(self, error, wanted):
        assert nothing_left(error=error) == wanted

    def test_that_goes_round_in_a_circle_says_nothing(self):
        one = RuntimeError()
        one.__cause__ = RuntimeError(one)
        assert not nothing_left(error=one)
