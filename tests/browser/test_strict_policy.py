"""
A shop that lets its pages load and run nothing but its own files: all of ours works, and nothing of ours is refused.

What Oscar's own pages hold of scripts and styles between their lines is refused there, and is none of ours.
"""

import pytest
from oscar.test import factories

from loyalty_oscar.testing.factories import UseTermsFactory
from tests.browser.stage import calendar, words  # noqa: F401 - a fixture
from tests.browser.test_journey import buy as put
from tests.browser.test_using_points import enter, place, press, to_preview
from tests.integration.exclusives.sales import a_sale
from tests.integration.journeys.deeds import a_campaign
from tests.integration.referrals.friendly import an_inviting_club
from tests.integration.tiers.ladders import a_ladder
from tests.points import give
from tests.storefront import a_product, day

pytestmark = pytest.mark.django_db(transaction=True)
POLICY = "default-src 'self'"
#: Of what was refused: what it is, and whether it stands in something of ours or is asked for by a file of ours. The
#: page that the control fetches is Oscar's, with styles between its lines; while it is parsed it stands nowhere. A
#: script between the lines of a page is of who wrote it, though a file of ours may be at work as Chromium comes to it,
#: or has said on the page's root that it is there.
LISTEN = """window.refused = []; document.addEventListener("securitypolicyviolation", found => {
    const at = found.target, what = `${found.violatedDirective} ${at.outerHTML}`.slice(0, 200);
    const inside = at.closest && at.closest("body [class*=loyalty], body [data-loyalty], #points");
    const theirs = found.violatedDirective === "style-src-attr" || (at.tagName === "SCRIPT" && !/loyalty/.test(what));
    const asked = !theirs && /static.loyalty/.test(found.sourceFile);
    refused.push([what, !!inside || asked || /loyalty/.test(found.blockedURI)]);
});"""


def strict(route):
    """Answer as the shop does, with the policy."""
    if route.request.resource_type != "document":
        return route.continue_()
    answer = route.fetch(max_redirects=0)
    return route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": POLICY})


#: Pages of ours, and of Oscar's with pieces of ours, as a member and then as an invited stranger sees them.
MEMBERS = (
    *(f"/loyalty/{path}" for path in ("", "statement/", "levels/", "mails/", "invite/", "how-it-works/", "sales/")),
    *("/loyalty/sales/trail/", "/loyalty/address/sent/", "/loyalty/address/mistyped/", "/loyalty/word/leipzig26/"),
    *("/catalogue/", "/accounts/orders/", "/accounts/profile/delete/"),
)
STRANGERS = (
    *(f"/loyalty/{path}" for path in ("join/", "how-it-works/", "levels/", "sales/trail/", "invite/{code}/")),
    *("/accounts/register/", "/catalogue/", "/basket/"),
)


def looked_at(page, path):
    """Open a page with all its answers to "Why?"; what of it was refused."""
    assert page.goto(path).status == 200, path
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    return page.evaluate("refused")


class TestAStrictPolicy:
    def test_refuses_nothing_of_ours_and_all_of_it_works(self, browser, live_server, calendar):  # noqa: F811
        calendar.turn_to(day(5, 6))
        club = an_inviting_club()
        UseTermsFactory(program=club.unit.program)
        a_ladder(unit=club.unit)
        a_sale(club.unit, a_product("Explorer carrier", "57.90"), per_member=2)
        a_campaign(club.unit, "word", word="leipzig26")
        factories.CountryFactory(iso_3166_1_a2="DE", is_shipping_country=True)
        give(club.boris, 1250, club.unit)
        with browser.new_context(base_url=live_server.url) as context:
            calendar.hang_in(context)
            page = context.new_page()
            page.base_address = live_server.url
            enter(page, club.boris)
            page.add_init_script(LISTEN)
            context.route("**/*", strict)
            put(page, [(a_product(price="49.90"), 1)])
            assert page.evaluate("refused.length"), "the policy is not in force"
            press(page, "Use 500 paws")
            assert "You use 500 paws." in words(page, "#points")
            refused = page.evaluate("refused")
            to_preview(page)
            refused += page.evaluate("refused")
            place(page)
            assert "thank-you" in page.url
            refused += page.evaluate("refused")
            for path in MEMBERS:
                refused += looked_at(page, path)
            context.clear_cookies()
            for path in STRANGERS:
                refused += looked_at(page, path.format(code=club.code))
        assert [what for what, is_ours in refused if is_ours] == []
