"""Hooks and registries: what fits is taken, in its place, and what becomes of one that fails."""

from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Protocol

import pytest

from loyalty_oscar.kernel.errors import UnknownCode
from loyalty_oscar.kernel.hooks import RAISE, REPORT, SKIP, Failed, Hook
from loyalty_oscar.kernel.registry import AlreadyRegistered, Registry
from loyalty_oscar.kernel.signatures import WrongSignature


class Speaker(Protocol):
    """Says something."""

    def __call__(self, *, member: int, at: int) -> Iterable[str]: ...


class Baker(Protocol):
    """Bakes; its instances are told by their `sort`."""

    sort: ClassVar[str]

    def bake(self, *, loaves: int) -> int: ...


class Sells(Protocol):
    """Of a baker that sells too."""

    def sell(self, *, price: int) -> None: ...


class Rye:
    """A baker as it should be."""

    sort = "rye"

    def bake(self, *, loaves):
        return loaves * 2


@pytest.fixture(autouse=True)
def few_hooks(monkeypatch):
    """Hooks of these tests are none of the house's."""
    monkeypatch.setattr(Hook, "every", {})


def speakers(on_error=RAISE, **more):
    return Hook("speakers", Speaker, on_error=on_error, **more)


def fails(*, member, at):
    raise ZeroDivisionError("no luck")


def fails_when_read(*, member, at):
    yield "a word"
    raise ZeroDivisionError("no luck")


class TestTheOrder:
    def test_is_that_of_the_numbers_and_then_of_the_names(self):
        hook = speakers()
        for name, order in (("b", 10), ("a", 20), ("c", 10)):
            hook.register(name, order=order)(lambda *, member, at, name=name: [name])
        hook.register("no-number")(lambda *, member, at: ["no-number"])

        assert list(hook) == ["b", "c", "a", "no-number"]
        assert [*hook.answers(member=1, at=2)] == [["b"], ["c"], ["a"], ["no-number"]]
        assert hook.first() is hook.get("b")

    def test_is_forgotten_with_what_had_it(self):
        hook = speakers()
        hook.register("a", order=90)(fails)
        hook.unregister("a")
        hook.register("a", order=10)(fails_when_read)
        hook.register("b", order=20)(fails)

        assert list(hook) == ["a", "b"]

    def test_keeps_a_name_for_whoever_came_first(self):
        hook = speakers()
        hook.register("a")(fails)
        with pytest.raises(AlreadyRegistered, match="speaker 'a' is registered already"):
            hook.register("a")(fails_when_read)

    def test_has_nobody_first_where_there_is_nobody(self):
        assert speakers().first() is None


class TestAnError:
    def asked(self, on_error, bad, **more):
        hook = speakers(on_error, **more)
        hook.register("bad", order=1)(bad)
        hook.register("good", order=2)(lambda *, member, at: iter(["good"]))
        return hook.each(member=1, at=2)

    @pytest.mark.parametrize("bad", [fails, fails_when_read])
    def test_is_left_out_and_logged(self, bad, caplog):
        assert list(self.asked(SKIP, bad)) == [("good", ["good"])]
        assert "speakers: bad failed and is left out" in caplog.text

    @pytest.mark.parametrize("bad", [fails, fails_when_read])
    def test_stands_for_the_answer(self, bad):
        (name, failed), good = self.asked(REPORT, bad)

        assert (name, good) == ("bad", ("good", ["good"]))
        assert isinstance(failed, Failed)
        assert str(failed.error) == "no luck"

    def test_goes_to_the_caller_and_nobody_else_is_asked(self):
        with pytest.raises(ZeroDivisionError):
            next(self.asked(RAISE, fails))

    def test_that_is_meant_goes_to_the_caller_all_the_same(self):
        with pytest.raises(ZeroDivisionError):
            next(self.asked(SKIP, fails, but=(ZeroDivisionError,)))

    def test_is_seen_by_the_block_around_it(self):
        seen = []

        @contextmanager
        def within():
            try:
                yield
            except ZeroDivisionError:
                seen.append("undone")
                raise

        assert list(self.asked(SKIP, fails_when_read, within=within)) == [("good", ["good"])]
        assert seen == ["undone"]

    def test_of_one_who_is_not_reached_is_none(self):
        hook = speakers()
        hook.register("good", order=1)(lambda *, member, at: ["enough"])
        hook.register("bad", order=2)(fails)

        assert next(hook.answers(member=1, at=2)) == ["enough"]


class TestAsking:
    def test_hands_on_what_the_one_before_answered(self):
        hook = Hook("sums", Speaker, on_error=RAISE)
        hook.register("twice", order=1)(lambda *, member, at: member * 2)
        hook.register("more", order=2)(lambda *, member, at: member + 1)

        assert hook.passed("member", member=5, at=0) == 11

    def test_leaves_out_who_lacks_the_method(self):
        class Shop(Rye):
            def sell(self, *, price):
                return price

        hook = Hook("bakers", Baker, on_error=RAISE, also=[Sells])
        hook.register("rye")(Rye())
        hook.register("shop")(Shop())

        assert dict(hook.each("sell", price=3)) == {"shop": 3}
        assert dict(hook.each("bake", loaves=3)) == {"rye": 6, "shop": 6}

    def test_is_done_to_the_end_for_what_it_does(self):
        done, hook = [], speakers()
        for name in "ab":
            hook.register(name)(lambda *, member, at, name=name: done.append(name))
        hook.tell(member=1, at=2)

        assert done == ["a", "b"]


class TestASignature:
    @pytest.mark.parametrize(
        "fits",
        [
            lambda *, member, at: (),
            lambda member, at: (),
            lambda *, at, **rest: (),
            lambda *, member, at, words="few": (),
        ],
    )
    def test_fits_where_it_can_be_called(self, fits):
        assert speakers().register("a")(fits) is fits

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            (lambda *, member: (), r"\(\*, member\) is called as \(\*, member, at\)"),
            (lambda *, member, at, words: (), "missing a required .*'words'"),
            (lambda at, member, /: (), "positional"),
            ("a word", "it has no __call__"),
        ],
    )
    def test_is_refused_with_why(self, wrong, why):
        hook = speakers()
        with pytest.raises(WrongSignature, match=rf"speaker 'a' does not fit: .*{why}"):
            hook.register("a")(wrong)

        assert list(hook) == []

    def test_of_an_object_is_that_of_all_its_methods(self):
        hook = Hook("bakers", Baker, on_error=RAISE, also=[Sells])
        assert hook.register("rye")(rye := Rye()) is rye

        class Nameless:
            def bake(self, *, loaves): ...

        class Lazy:
            sort = "lazy"

            def bake(self): ...

        class Cheap(Rye):
            def sell(self): ...

        for wrong, why in (
            (Nameless(), "it has no sort"),
            (Lazy(), r"bake\(\) is called as bake\(\*, loaves\)"),
            (Cheap(), r"sell\(\) is called as sell\(\*, price\)"),
            (Rye, "register an object, not its class"),
        ):
            with pytest.raises(WrongSignature, match=why):
                hook.register("wrong")(wrong)

    def test_of_a_class_is_that_of_its_instances(self):
        registry = Registry("kind of baker", Baker, of_classes=True)
        assert registry.register("rye")(Rye) is Rye
        with pytest.raises(WrongSignature, match="register the class itself"):
            registry.register("one")(Rye())

        class Lazy:
            sort = "lazy"

            def bake(self): ...

        with pytest.raises(WrongSignature, match=r"bake\(\) is called as bake\(\*, loaves\)"):
            registry.register("lazy")(Lazy)

    def test_may_be_that_it_is_one_of_a_dataclass(self):
        @dataclass(frozen=True)
        class Loaf:
            weight: int

        registry, loaf = Registry("loaf", Loaf), Loaf(weight=3)
        assert registry.register("rye")(loaf) is loaf
        for wrong in (Loaf, "rye", lambda: loaf):
            with pytest.raises(WrongSignature, match="loaf 'wheat' does not fit: it is no Loaf"):
                registry.register("wheat")(wrong)
        assert list(registry) == ["rye"]

    def test_may_have_some_of_what_is_asked_but_not_nothing(self):
        class Nothing(Protocol):
            """Asks for nothing by itself."""

        hook = Hook("traders", Nothing, on_error=RAISE, also=[Sells])
        with pytest.raises(WrongSignature, match="it has none of sell"):
            hook.register("rye")(Rye())

    def test_is_not_asked_where_nobody_said_one(self):
        registry = Registry("thing")
        registry.register("a")("a word")

        assert registry.get("a") == "a word"
        with pytest.raises(UnknownCode, match="no thing 'b'; there are: a"):
            registry.get("b")
