"""What all factories share."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import factory
from factory.errors import UnsupportedStrategy

from loyalty_oscar.program import clock
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import forget_cache


def now() -> datetime:
    """Return the moment of the suite's clock."""
    return clock.now()


def an_hour_ago() -> datetime:
    """Return when things begin that are in force by now."""
    return clock.now() - timedelta(hours=1)


class RowFactory(factory.django.DjangoModelFactory):
    """A row in the database of our writes; afterwards nobody remembers what was there before it."""

    class Meta:
        abstract = True

    @classmethod
    def _get_manager(cls, model_class: Any) -> Any:
        return model_class._default_manager.using(write_db())

    @classmethod
    def _after_postgeneration(cls, instance: Any, create: bool, results: Any = None) -> None:
        # Never saved again: a row that the suite's operations have changed meanwhile would be written over.
        forget_cache()


class OperationFactory(RowFactory):
    """Something that only an operation of the suite writes, so it can be created, and not merely built."""

    class Meta:
        abstract = True

    @classmethod
    def _build(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedStrategy(f"{cls.__name__} writes through the suite's operations: it can create, not build")


class TheProgram(factory.SubFactory):
    """The default program, made now if there is none; whoever says something about it (`program__…`) gets a new one."""

    where = {"is_default": True}

    def evaluate(self, instance: Any, step: Any, extra: Any) -> Any:
        """Return what is there, or what is made."""
        if not extra and step.builder.strategy == factory.CREATE_STRATEGY:
            model = self.get_factory()._meta.model
            found = model._default_manager.using(write_db()).filter(**self.where).first()
            if found:
                return found
        return super().evaluate(instance, step, extra)


class OfTheProgram(TheProgram):
    """What the default program has once, made now if there is none."""

    where = {"program__is_default": True}
