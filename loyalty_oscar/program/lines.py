"""
Texts of several lines, as they are typed and kept. Browsers send the end of a line as two characters and rows that we
write have one, so every text is kept with one: saved as it is, it has not changed.
"""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.db import models

END = re.compile(r"\r\n|\r|\n")


class LinesFormField(forms.CharField):
    """Text of several lines in a form."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        """Return the text with one character at the end of each line."""
        return END.sub("\n", super().to_python(value) or "")

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return whether it was changed; of a row from before the ends of its lines alone are no change."""
        return super().has_changed(self.to_python(initial), self.to_python(data))


class LinesField(models.TextField):  # type: ignore[type-arg]  # It takes none as it runs.
    """Text of several lines in a row; for the database a text as any other."""

    def formfield(self, **kwargs: Any) -> Any:
        """Return the form field."""
        return super().formfield(**{"form_class": LinesFormField, **kwargs})

    def deconstruct(self) -> Any:
        """Return what a migration keeps of it."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs
