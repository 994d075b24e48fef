"""`{% loyalty_if_segment %}`: what members of a group see, why, and that no cache hands it to anybody else."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.http import HttpResponse
from django.middleware.cache import FetchFromCacheMiddleware, UpdateCacheMiddleware
from django.template import RequestContext, Template, TemplateSyntaxError, engines
from django.template.response import TemplateResponse
from django.test import RequestFactory
from django.views.decorators.cache import cache_page

from loyalty_oscar.people.models import Consent
from loyalty_oscar.program.models import Segment
from loyalty_oscar.program.segments import set_members
from loyalty_oscar.shop.middleware import LoyaltyMiddleware
from loyalty_oscar.testing import factories
from tests.storefront import day

pytestmark = pytest.mark.django_db
TEXT = '{% load loyalty %}{% loyalty_if_segment "cats" %}For cats{% else %}For all{% endloyalty_if_segment %}'
BADGES = ("render", "fetch")


@pytest.fixture
def cats(unit):
    return Segment.objects.create(program=unit.program, code="cats", name="Secret name")


@pytest.fixture
def member(unit, cats):
    """A member of the group who allows personal content."""
    found = factories.MemberFactory(program=unit.program)
    set_members(segment=cats, member_ids=[found.pk], at=day(1, 2))
    allow(found)
    return found


def allow(member, **more):
    return Consent.objects.create(
        member=member,
        purpose="personal",
        words="Yes",
        language="en",
        asked_at=day(1, 1),
        confirmed_at=day(1, 1),
        **more,
    )


def page(request):
    return HttpResponse(Template(TEXT).render(RequestContext(request)))


def later(request):
    """A page that is rendered once its view has answered."""
    return TemplateResponse(request, engines["django"].from_string(TEXT))


def asked(user=None, view=page, around=lambda handler: handler):
    """Return what a visitor gets of a page."""
    request = RequestFactory().get("/")
    request.user = user or AnonymousUser()

    def handler(request):
        response = view(request)
        return response.render() if hasattr(response, "render") and not response.is_rendered else response

    return around(LoyaltyMiddleware(handler))(request)


def said(*args, **kwargs):
    return asked(*args, **kwargs).content.decode()


class TestWhoSeesIt:
    def test_is_a_member_of_the_group(self, member):
        html = said(member.user)
        assert "For cats" in html and "For all" not in html

    def test_is_nobody_else(self, unit, member):
        other = factories.MemberFactory(program=unit.program)
        allow(other)
        stranger = factories.MemberFactory(program=unit.program).user
        for user in (None, other.user, stranger):
            assert said(user) == "For all"

    def test_is_nobody_who_never_allowed_it_or_took_that_back(self, member):
        Consent.objects.update(withdrawn_at=day(1, 3))
        assert said(member.user) == "For all"
        Consent.objects.all().delete()
        assert said(member.user) == "For all"
        allow(member, is_current=None)
        assert said(member.user) == "For all"

    def test_is_nobody_who_left_the_group(self, cats, member):
        set_members(segment=cats, member_ids=[], at=day(1, 3))
        assert said(member.user) == "For all"

    def test_is_nobody_where_there_is_no_such_group(self, member):
        Segment.objects.update(code="dogs")
        assert said(member.user) == "For all"

    def test_is_nobody_where_something_goes_wrong(self, member, monkeypatch, caplog):
        monkeypatch.setattr("loyalty_oscar.shop.segments.showing.fact_of", lambda **asked: 1 / 0)
        assert said(member.user) == "For all"
        assert "a page goes without what is for a group" in caplog.text


class TestWhy:
    def test_says_what_is_true_of_a_rule_and_never_its_name(self, cats, member):
        asked_for = [{"trait": "points", "params": {"least": 100, "most": None}}]
        Segment.objects.update(kind="rule", traits=asked_for)
        html = said(member.user).replace("\N{NO-BREAK SPACE}", " ")
        assert "Why do I see this?" in html
        assert "This is for members of whom all of this is true: 100 paws or more ready." in html
        assert "I want no personal content" in html and "#loyalty-personal" in html
        assert "Secret name" not in html

    def test_says_of_a_list_that_the_shop_chose(self, member):
        html = said(member.user)
        assert "We chose the members who see this" in html
        assert "Secret name" not in html


class TestItsCost:
    def test_is_nothing_for_strangers(self, member, django_assert_num_queries):
        said()
        with django_assert_num_queries(0):
            assert said() == "For all"

    def test_is_two_queries_for_members_however_often_it_is_asked(self, member, django_assert_num_queries):
        def often(request):
            return HttpResponse(Template(TEXT * 5).render(RequestContext(request)))

        said(member.user)
        with django_assert_num_queries(2 + 2):  # With the membership and Oscar's notifications, as on every page.
            assert said(member.user, often).count("For cats") == 5


@pytest.mark.parametrize("badge", BADGES)
@pytest.mark.parametrize("view", [page, later], ids=["at-once", "rendered-later"])
class TestACache:
    @pytest.fixture(autouse=True)
    def empty(self, settings, badge):
        settings.LOYALTY_BADGE = badge
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "shown"}}
        cache.clear()
        yield
        cache.clear()

    def site_wide(self, handler):
        return UpdateCacheMiddleware(FetchFromCacheMiddleware(handler))

    def test_is_told_that_the_page_is_for_one(self, member, view):
        assert asked(member.user, view)["Cache-Control"] == "private, no-store"
        assert not asked(None, view).has_header("Cache-Control")

    def test_is_told_so_of_members_outside_of_the_group_too(self, unit, member, view):
        other = factories.MemberFactory(program=unit.program)
        assert asked(other.user, view)["Cache-Control"] == "private, no-store"

    def test_of_the_whole_site_keeps_it_from_others(self, member, view):
        told = {"view": view, "around": self.site_wide}
        assert "For cats" in said(member.user, **told)
        assert said(**told) == "For all"
        assert said(**told) == "For all"

    def test_of_one_view_keeps_it_from_others(self, member, view):
        kept = cache_page(60)(view)
        assert "For cats" in said(member.user, kept)
        assert said(None, kept) == "For all"
        # What strangers see was kept for everybody, and tells nothing of anybody.
        assert said(member.user, kept) == "For all"


class TestTheTag:
    def test_needs_no_else(self, member):
        template = Template('{% load loyalty %}{% loyalty_if_segment "cats" %}For cats{% endloyalty_if_segment %}')
        request = RequestFactory().get("/")
        request.user = AnonymousUser()
        assert template.render(RequestContext(request)) == ""

    @pytest.mark.parametrize(
        "text",
        [
            "{% loyalty_if_segment %}x{% endloyalty_if_segment %}",
            '{% loyalty_if_segment "a" "b" %}x{% endloyalty_if_segment %}',
            '{% load cache %}{% cache 60 x %}{% loyalty_if_segment "a" %}x{% endloyalty_if_segment %}{% endcache %}',
        ],
    )
    def test_is_refused_where_it_makes_no_sense(self, text):
        with pytest.raises(TemplateSyntaxError):
            Template("{% load loyalty %}" + text)
