"""
The test shop behind a real server: what gunicorn loads, and the raw requests that reach it in one instant.

A request may name its basket (X-Basket: one of several devices) and have its payment declined (X-Decline).
LOYALTY_TEST_BROKEN names a guard that is taken away, for the twins that must fail.
"""

import os
import socket
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

from django.db import connection
from oscar.apps.payment.exceptions import UnableToTakePayment

from tests import services

ROOT = Path(__file__).parents[2]
PATIENCE = 60


def application():
    """The shop as gunicorn serves it, with its two headers for tests, and broken where that is asked for."""
    import django

    django.setup()
    from django.core.handlers.wsgi import WSGIHandler
    from oscar.apps.basket.middleware import BasketMiddleware
    from oscar.core.loading import get_class, get_model

    from . import using

    real, baskets = BasketMiddleware.get_basket, get_model("basket", "Basket").objects

    def get_basket(self, request):
        if request._basket_cache is None and (number := request.headers.get("X-Basket")):
            request._basket_cache = baskets.get(pk=number, owner=request.user)
        return real(self, request)

    def handle_payment(self, *args, **kwargs):
        if "X-Decline" in self.request.headers:
            raise UnableToTakePayment("declined")

    BasketMiddleware.get_basket = get_basket
    get_class("checkout.views", "PaymentDetailsView").handle_payment = handle_payment
    if broken := os.environ.get("LOYALTY_TEST_BROKEN"):
        getattr(using, broken)(SimpleNamespace(setattr=setattr))
    return WSGIHandler()


@contextmanager
def a_server(*, atomic=False, broken="", search_path="public"):
    """Serve the test database with four processes; yields the port."""
    at, port = connection.settings_dict, services.free_port()
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "LOYALTY_TEST_ATOMIC": "1" if atomic else "",
        "LOYALTY_TEST_BROKEN": broken,
        "LOYALTY_TEST_DB": services.address_of(at),
        "PGOPTIONS": f"-c search_path={search_path}",
        "PYTHONPATH": str(ROOT),
    }
    options = ["--workers=4", "--preload", "--timeout=60", f"--bind=127.0.0.1:{port}"]
    command = [sys.executable, "-m", "gunicorn", *options, "tests.crowd.served:application()"]

    def ready():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    with (
        tempfile.TemporaryDirectory(prefix="loyalty-shop-") as folder,
        services.server(command, folder=Path(folder), ready=ready, env=env),
    ):
        yield port


def a_post(path, fields, cookies, **headers) -> bytes:
    """A whole POST request with its session and its CSRF token."""
    body = urlencode(fields)
    lines = {
        "Host": "testserver",
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "X-CSRFToken": cookies["csrftoken"],
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": len(body),
        "Connection": "close",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n{body}".encode()


def at_once(port, requests) -> list[tuple[int, str]]:
    """Send all requests but their last bytes, then those in one go; returns each status with its Location."""
    lines = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) for _request in requests]
    for line, request in zip(lines, requests, strict=True):
        line.sendall(request[:-1])
    time.sleep(0.02)
    for line, request in zip(lines, requests, strict=True):
        line.sendall(request[-1:])
    return [answer(line) for line in lines]


def answer(line) -> tuple[int, str]:
    """Read one answer to its end: its status, and where it leads."""
    with line, line.makefile("rb") as file:
        head = file.read().decode(errors="replace").partition("\r\n\r\n")[0].split("\r\n")
    where = [row.partition(": ")[2] for row in head if row.lower().startswith("location:")]
    return int(head[0].split()[1]), "".join(where)
