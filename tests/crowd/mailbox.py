"""A mail server that writes down what it takes, and keeps a sender waiting for its answer where it is told to."""

from __future__ import annotations

import email
import multiprocessing
import socketserver
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: As many messages as anybody sends here.
ALL = 1_000_000
FORK = multiprocessing.get_context("fork")


class Mailbox:
    """
    What a test and its mail server, a process of its own, share: how many messages it answers before it keeps the
    sender of the next one waiting (`holds` then), and whether that one is hung up on (`hangs_up`).

    Each line of `path` is what happened to a message: it was taken, then answered.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.answers = path, FORK.Value("i", ALL)
        self.holds, self.hangs_up = FORK.Event(), FORK.Event()
        path.touch()

    def answer(self, number: int) -> None:
        """Answer so many messages from now on, and hold the next."""
        self.holds.clear()
        self.hangs_up.clear()
        self.answers.value = number

    def taken(self) -> Counter[str]:
        """Return how often each message was taken."""
        return self._told("taken")

    def answered(self) -> Counter[str]:
        """Return how often its sender was told so."""
        return self._told("answered")

    def _told(self, what: str) -> Counter[str]:
        lines = (line.split(" ", 1) for line in self.path.read_text().splitlines())
        return Counter(name for word, name in lines if word == what)

    def note(self, what: str, name: str) -> None:
        """Write down what happened to a message."""
        with self.path.open("a") as lines:
            lines.write(f"{what} {name}\n")


class Speaks(socketserver.StreamRequestHandler):
    """As much of SMTP as a sender needs (RFC 5321)."""

    mailbox: Mailbox

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline().strip().upper():
            if not self.answer(line):
                return

    def answer(self, line: bytes) -> bool:
        """Answer a line; returns whether more may come."""
        if line == b"DATA":
            return self.take()
        is_over = line == b"QUIT"
        self.say("221 bye" if is_over else "250 yes")
        return not is_over

    def read(self) -> str:
        """Take a message; returns its name."""
        self.say("354 go on")
        lines = list(iter(lambda: self.rfile.readline().rstrip(b"\r\n"), b"."))
        name = email.message_from_bytes(b"\n".join(lines))["Message-ID"]
        self.mailbox.note("taken", name)
        return name

    def take(self) -> bool:
        """Take a message; returns whether its sender was answered."""
        name = self.read()
        if not self.mailbox.answers.value:
            self.mailbox.holds.set()
            self.mailbox.hangs_up.wait()
            return False
        self.mailbox.answers.value -= 1
        self.mailbox.note("answered", name)
        self.say("250 taken")
        return True

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mailbox(path: Path, *, speaks: type[Speaks] = Speaks) -> Iterator[tuple[Mailbox, int]]:
    """Run a mail server, which speaks so, until the block ends; yields what it shares, and its port."""
    box = Mailbox(path)
    handler = type("Here", (speaks,), {"mailbox": box})
    with socketserver.TCPServer(("127.0.0.1", 0), handler) as server:
        process = FORK.Process(target=server.serve_forever, daemon=True)
        process.start()
        try:
            yield box, server.server_address[1]
        finally:
            process.kill()
            process.join()
