"""What a member told and agreed to, on the member's page of the admin, and all of it to hand out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import dateformat
from django.utils.translation import pgettext

from loyalty_oscar.people.queries import birthday_of, confirmed_at
from loyalty_oscar.program import clock, words
from loyalty_oscar.program.history import note
from loyalty_oscar.program.hooks import SKIP, Hook
from loyalty_oscar.program.models import Member

from ..dashboard.links import admin_url
from ..dashboard.permissions import BIRTHDAY, EXPORT
from ..self_service.export import export_member
