"""Named sets of products."""

from __future__ import annotations

from django.db import models
from django.utils.translation import pgettext_lazy

from .programs import TAKEN, code_validator


class ProductSet(models.Model):
    """A named set of products. Which products it holds is the shop floor's business (an Oscar range)."""

    code = models.SlugField(
        pgettext_lazy("loyalty", "code"),
        max_length=60,
        unique=True,
        validators=[code_validator],
        error_messages={"unique": TAKEN},
    )
    name = models.CharField(pgettext_lazy("loyalty", "name"), max_length=100)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "product set")
        verbose_name_plural = pgettext_lazy("loyalty", "product sets")

    def __str__(self) -> str:
        return self.name
