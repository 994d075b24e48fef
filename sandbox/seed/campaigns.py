"""What brings paws in the demo shop besides buying, and what members did of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from oscar.core.loading import get_model

from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.operations import use_word
from loyalty_oscar.people.operations import save_birthday
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import forget_cache

from .loyalty import account_of
from .timeline import Happening, ten_oclock

#: code -> occasion, name, points, code word, points in all
CAMPAIGNS = {
    "welcome": ("sign-up", "Welcome to the Paw Club", 50, None, None),
    "reviews": ("review", "A review of what you bought", 25, None, None),
    "birthdays": ("birthday", "Happy birthday", 100, None, None),
    "dog-show": ("word", "Dog show in Leipzig", 40, "leipzig26", 20_000),
}
#: Who wrote on which day from today of what: stars, title, text.
REVIEWS = (
    ("member@example.com", -40, "40-5142-XLB", 5, "Bruno snores again", "He walked past the sofa and into this."),
    ("gold@example.com", -4, "40-5142-XLB", 4, "Big, warm, washable", "The zip could be longer. Both dogs disagree."),
    ("using@example.com", -30, "40-1190-LAM", 5, "Bowl empty", "Our old lady eats again, and asks for more."),
)
MEMBER = "member@example.com"
#: Days from today.
OPENED, BIRTHDAY, WORD = -120, -21, -15


def happenings(*, today: datetime) -> Iterator[Happening]:
    """Begin the campaigns, and let members do them."""
    yield Happening(at=ten_oclock(today=today, days=OPENED), do=_open)
    for email, day, *review in REVIEWS:
        yield Happening(at=ten_oclock(today=today, days=day), do=partial(_review, email, *review))
    birthday = today + timedelta(days=BIRTHDAY)
    yield Happening(at=ten_oclock(today=today, days=OPENED) + timedelta(hours=1), do=partial(_keep, birthday))
    yield Happening(at=ten_oclock(today=today, days=WORD), do=_say_word)


def _open(player: Any, at: datetime) -> None:
    program = Program.objects.get(code="paw-club")
    for code, (occasion, name, points, word, budget) in CAMPAIGNS.items():
        fields = {"occasion": occasion, "name": name, "points": points, "word": word, "budget": budget, "starts_at": at}
        Campaign.objects.create(program=program, code=code, **fields)
    forget_cache()


def _review(email: str, upc: str, score: int, title: str, body: str, player: Any, at: datetime) -> None:
    reviews = get_model("reviews", "ProductReview").objects
    told = {"user": player.users[email], "score": score, "title": title, "body": body, "status": 1}
    review = reviews.create(product=player.products[upc], **told)
    reviews.filter(pk=review.pk).update(date_created=at)


def _keep(birthday: datetime, player: Any, at: datetime) -> None:
    member = account_of(user=player.users[MEMBER]).member
    save_birthday(member=member, day=birthday.day, month=birthday.month, at=at)


def _say_word(player: Any, at: datetime) -> None:
    member = account_of(user=player.users[MEMBER]).member
    use_word(program=member.program, user_id=member.user_id, word="leipzig26", at=at)
