"""Where the loyalty program runs through the shop's past: its clock, and a word after every event."""

from datetime import datetime

from loyalty_oscar.program import clock as program_clock

clock = program_clock.at


def after_event(*, order_id: int, at: datetime) -> None:
    """Called after each event of the past is committed, in order of time, with the clock standing at `at`."""
