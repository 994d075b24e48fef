"""The member's page for bringing a friend, its ways to share, and the list of friends in every state."""

import json
import re

import pytest
from django.urls import reverse

from loyalty_oscar.program.models import Program
from loyalty_oscar.program.operations import join
from loyalty_oscar.referrals.models import Code, Referral, Scheme
from loyalty_oscar.referrals.operations import decide
from loyalty_oscar.shop.referrals import friends
from loyalty_oscar.shop.referrals.checks import check_consent, what_is_lost
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.shop.upkeep.doctor import examine
from tests.storefront import TODAY, a_club, a_product, a_user, arrive, buy, day, numbers, ripen, send_back, text_of

from .friendly import an_inviting_club, bring, landing, points

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
INVITE = reverse("loyalty:invite")


@pytest.fixture
def page(client, club):
    """Boris's page."""
    client.force_login(club.boris)
    return lambda: client.get(INVITE)


def friend(club, name, *, on=None):
    user = a_user(f"{name.lower()}@example.com")
    type(user).objects.filter(pk=user.pk).update(first_name=name)
    bring(club, user, at=on or day(3, 1))
    return user


class TestTheMembersPage:
    def test_makes_the_link_by_a_button_and_shows_it_from_then_on(self, client):
        club = an_inviting_club()
        priya = a_user("priya@example.com")
        client.force_login(priya)
        assert "Make my link" in text_of(client.get(INVITE))
        client.post(INVITE)
        client.post(INVITE)
        code = Code.objects.get(member__user=priya)

        assert landing(code.code) in client.get(INVITE).content.decode()
        assert Code.objects.count() == 2
        assert club.code != code.code

    def test_shares_by_ways_that_carry_the_link(self, page, club):
        told = page().context
        for way, start in (("whatsapp", "https://wa.me/?text="), ("sms", "sms:?&body="), ("mail", "mailto:?subject=")):
            assert told[way].startswith(start)
            assert club.code in told[way]
            assert " " not in told[way]

    def test_writes_a_subject_that_is_a_whole_sentence(self, page, club):
        club.unit.program.name = "St. Paw Club"
        club.unit.program.save()
        assert "subject=I%20am%20in%20the%20St.%20Paw%20Club%20of%20" in page().context["mail"]

    def test_draws_a_qr_code_that_holds_the_link_without_a_style(self, page):
        drawn = str(page().context["qr"])

        assert drawn.startswith("<svg")
        assert "style=" not in drawn
        assert 'class="loyalty-qr"' in drawn

    def test_stands_under_a_strict_policy(self, page):
        body = page().content.decode()
        ours = body[body.index('<div class="loyalty">') :].split("</div>\n</div>")[0]
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", ours)

    def test_says_what_to_do_while_nobody_came(self, page):
        assert "Nobody yet. Send your link to one friend" in text_of(page())

    def test_shows_each_friend_by_first_name_and_state(self, page, club):
        friend(club, "Maximilian")
        anna, priya, jo = friend(club, "Anna-Lena"), friend(club, "Priya"), friend(club, "Jo")
        product = a_product(price="30.00")
        arrive(buy(anna, (product, 1), on=day(3, 3)), on=day(3, 5))
        gone = arrive(buy(jo, (product, 1), on=day(3, 3)), on=day(3, 5))
        ripen(on=day(3, 20))
        send_back(gone, 1, on=day(3, 21))
        arrive(buy(priya, (product, 1), on=day(5, 2)), on=day(5, 5))
        text = text_of(page())

        for said in (
            "Anna-Lena First order on 3 March, return period over Ready +150",
            "Priya First order on 2 May, return period ends on 19 May On the way +150",
            "Maximilian Hasn't ordered yet Joined –",
            "Jo First order on 3 March, no reward any more Taken back 0",
            "4 friends: 150 paws ready, 150 paws on the way.",
        ):
            assert said in text
        assert sorted(numbers(page(), "friend")) == [0, 0, 150, 150]
        assert "+150 paws" in text_of(page())

    def test_names_the_friend_beside_the_points_that_are_on_the_way(self, client, club):
        priya = friend(club, "Priya www.bad.example")
        arrive(buy(priya, (a_product(price="30.00"), 1), on=day(5, 2)), on=day(5, 5))
        client.force_login(club.boris)
        text = text_of(client.get(reverse("loyalty:overview")))
        assert "On the way 150 paws = €1.50 150 on 19 May 2026 · First order: Priya" in text
        assert "First order of a friend you invited: Priya" in text
        client.force_login(priya)
        assert "100 on 19 May 2026 · Welcome: a friend invited you" in text_of(client.get(reverse("loyalty:overview")))

    def test_names_nobody_who_has_left(self, client, club):
        priya = friend(club, "Priya")
        arrive(buy(priya, (a_product(price="30.00"), 1), on=day(5, 2)), on=day(5, 5))
        erase(member=Referral.objects.get().newcomer, at=day(5, 6))
        client.force_login(club.boris)
        text = text_of(client.get(reverse("loyalty:overview")))
        assert "150 on 19 May 2026 · First order: A friend" in text
        assert "Priya" not in text

    def test_asks_no_more_for_many_friends(self, page, club, django_assert_max_num_queries):
        page()
        with django_assert_max_num_queries(100) as few:
            page()
        for number in range(12):
            friend(club, f"Friend{number}")
        with django_assert_max_num_queries(len(few.captured_queries)):
            page()

    def test_shows_no_more_than_the_page_of_the_invitation_says(self, page, club, client):
        jo, gus, _sam = friend(club, "Jo"), friend(club, "Gus"), friend(club, "Sam")
        send_back(arrive(buy(jo, (a_product(price="30.00"), 1), on=day(3, 3)), on=day(3, 5)), 1, on=day(3, 8))
        buy(gus, (a_product(price="30.00"), 1), on=day(3, 4))
        text = text_of(page()).partition("Friends you invited")[2]
        said = text_of(client.get(landing(club.code)))

        assert "sees your first name, the day of your first order and its reward, never what you buy" in said
        for told in ("sent back", "Returned", "delivered", "arrived", "Came on"):
            assert told not in text
        assert "Gus First order on 4 March, return period not over yet On the way" in text

    def test_counts_all_friends_though_it_shows_the_newest(self, page, club, monkeypatch):
        monkeypatch.setattr(friends, "NEWEST", 2)
        for name in ("Ann", "Bob", "Cid"):
            arrive(buy(friend(club, name), (a_product(price="30.00"), 1), on=day(3, 3)), on=day(3, 5))
        buy(friend(club, "Dee"), (a_product(price="30.00"), 1), on=day(3, 3))
        text = text_of(page())

        assert "4 friends: 450 paws ready, 150 paws on the way." in text
        assert [name in text for name in ("Ann", "Bob", "Cid", "Dee")] == [False, False, True, True]

    def test_is_reached_by_the_account_tabs_where_there_is_a_scheme(self, page, client):
        assert f'href="{INVITE}"' in client.get(reverse("loyalty:overview")).content.decode()
        Scheme.objects.get().delete()
        assert f'href="{INVITE}"' not in client.get(reverse("loyalty:overview")).content.decode()
        assert page().status_code == 404

    def test_leads_who_takes_no_part_to_joining(self, client):
        an_inviting_club(club={"enrolment": Program.Enrolment.OPT_IN})
        client.force_login(a_user("priya@example.com"))
        assert client.get(INVITE).url == reverse("loyalty:join")
        assert client.post(INVITE).url == reverse("loyalty:join")
        assert Code.objects.count() == 1

    def test_leads_a_stranger_to_the_login(self, client, club):
        assert reverse("customer:login") in client.get(INVITE).url


class TestTheCapOfAMonth:
    def test_stops_the_giver_and_not_the_newcomers(self, page, club):
        Scheme.objects.update(per_month=2)
        club.scheme.refresh_from_db()
        club.scheme.save()
        people = [friend(club, name) for name in ("Ann", "Bob", "Cid")]
        for user in people:
            buy(user, (a_product(price="30.00"), 1), on=day(3, 3))
        late = friend(club, "Dee")
        buy(late, (a_product(price="30.00"), 1), on=day(4, 1))

        assert points(club.boris) == (0, 450)
        assert [points(user) for user in (*people, late)] == [(0, 100)] * 4
        assert "No reward: you had reached the most for that month" in text_of(page())


class TestAChangedScheme:
    def test_changes_nothing_for_who_came_before(self, club):
        priya = friend(club, "Priya")
        Scheme.objects.update(giver_points=1, newcomer_points=1, least_minor=900000, is_on=False)
        club.scheme.refresh_from_db()
        club.scheme.save()
        order = buy(priya, (a_product(price="30.00"), 1), on=day(3, 3))
        assert (points(club.boris), points(priya)) == ((0, 150), (0, 100))
        send_back(order, 1, on=day(3, 4))
        assert points(club.boris) == points(priya) == (0, 0)


class TestOnesOwnData:
    def test_tells_of_friends_without_their_names(self, club):
        priya = friend(club, "Priya")
        buy(priya, (a_product(price="30.00"), 1), on=day(3, 3))
        member = join(program=club.unit.program, user_id=club.boris.pk, at=TODAY)
        told = export_member(member=member, at=TODAY)["referrals"]

        assert told["code"] == club.code
        assert [(row["state"], row["points"]) for row in told["friends"]] == [("rewarded", 150)]
        assert "Priya" not in json.dumps(told)
        came = join(program=club.unit.program, user_id=priya.pk, at=TODAY)
        assert export_member(member=came, at=TODAY)["referrals"]["was_invited"]["points"] == 100

    def test_tells_nothing_of_what_the_checks_found_about_friends(self, club):
        priya = friend(club, "Priya")
        buy(priya, (a_product(price="30.00"), 1), on=day(3, 3))
        found = [
            {"check": name, "verdict": "review", "because": {"c": name}} for name in ("known-customer", "same-phone")
        ]
        Referral.objects.update(state="review", findings=found)
        member = join(program=club.unit.program, user_id=club.boris.pk, at=TODAY)
        (row,) = export_member(member=member, at=TODAY)["referrals"]["friends"]
        assert (row["state"], set(row)) == ("invited", {"since", "state", "points", "reward"})
        came = join(program=club.unit.program, user_id=priya.pk, at=TODAY)
        told = export_member(member=came, at=TODAY)["referrals"]["was_invited"]
        assert (told["state"], told["findings"]) == ("invited", found[:1]), "what is about oneself alone is told"

    def test_is_forgotten_and_the_reward_still_goes_back_with_a_return(self, page, club):
        priya = friend(club, "Priya")
        order = buy(priya, (a_product(price="30.00"), 1), on=day(3, 3))
        referral = Referral.objects.get()
        decide(referral=referral, decision="allow", reason="Known to us", actor="staff:0", at=TODAY)
        member = join(program=club.unit.program, user_id=club.boris.pk, at=TODAY)
        erase(member=member, at=TODAY)
        referral.refresh_from_db()

        assert (Code.objects.count(), referral.reason) == (0, "")
        send_back(order, 1, on=day(3, 4))
        assert Referral.objects.get().state == "reversed"

    def test_of_a_friend_who_left_is_a_friend_without_a_name(self, page, club):
        friend(club, "Priya").delete()
        assert "A friend Hasn't ordered yet" in text_of(page())


class TestTheDoctor:
    def findings(self):
        return [f.text for f in examine(at=TODAY) if f.about == "bringing a friend"]

    def test_says_nothing_where_nobody_invites(self):
        a_club()
        assert self.findings() == []

    def test_names_who_waits_for_a_look_too_long(self, club):
        bring(club, a_user("priya@example.com"), at=day(4, 1))
        Referral.objects.update(state="review")
        assert self.findings() == ["friends who came more than a week ago wait for somebody's look: 1"]

    @pytest.mark.parametrize(("path", "wrong"), [("", 0), ("os.path.exists", 0), ("nowhere.at_all", 1), ("os.sep", 1)])
    def test_refuses_a_consent_hook_that_cannot_be_called(self, settings, path, wrong):
        settings.LOYALTY_REFERRAL_CONSENT = path
        assert [error.id for error in check_consent()] == ["loyalty_shop.E001"] * wrong

    def test_says_what_leaves_with_the_feature(self, club):
        priya = friend(club, "Priya")
        friend(club, "Jo")
        buy(priya, (a_product(price="30.00"), 1), on=day(3, 3))

        assert len(list(what_is_lost(names=["referrals"]))) == 2
        assert list(what_is_lost(names=["tiers"])) == []
