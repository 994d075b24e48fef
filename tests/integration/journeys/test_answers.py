"""Answers to questions of letters: signed links that work without login, what they keep, and what follows from it."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.core import signing
from django.test import Client
from django.urls import reverse

from loyalty_oscar import extend
from loyalty_oscar.journeys.answers import save_answer
from loyalty_oscar.journeys.models import Answer, AnswerCount, Case, Occurrence
from loyalty_oscar.journeys.questions import Choice, Question, questions, said
from loyalty_oscar.journeys.signals import answer_saved
from loyalty_oscar.kernel.errors import LoyaltyError, UnknownCode
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.program.models import Member, Segment
from loyalty_oscar.program.registries import traits
from loyalty_oscar.program.segments import members_of
from loyalty_oscar.shop.journeys import answers
from loyalty_oscar.shop.journeys.answers import SALT, answer_link, asked_by
from loyalty_oscar.shop.journeys.farewell import FIELD
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import RewardFactory
from tests.silly import INPUTS
from tests.storefront import TODAY, a_club, a_user, day, text_of

from .deeds import a_campaign, a_member

pytestmark = pytest.mark.django_db
TELL = "The bag was torn, and half of it lay in the box"


@pytest.fixture
def unit():
    return a_club()


@pytest.fixture
def member(unit):
    member = a_member(unit)
    member.user.first_name, member.user.last_name = "Boris", "Quillfeather"
    member.user.save()
    return member


def link(member, *, question="problem", source="order:42:final", order_id=42, choice=None):
    """The path behind the shop's address."""
    told = {"member": member, "question": question, "source": source, "order_id": order_id, "choice": choice}
    parts = urlsplit(answer_link(**told, site=Site.objects.get_current()))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def answer(member, choice="wrong", *, text=TELL, source="order:42:final", at=TODAY, **more):
    told = {"question": "problem", "source": source, "order_id": 42, **more}
    return save_answer(member=member, choice=choice, text=text, at=at, **told)


def planned(member, *, order_id=42, occasion="birthday", **campaign):
    """Something that is still to come for a member about an order."""
    row = a_campaign(member.program.unit, occasion, **{"points": 0, **campaign})
    told = {"program": member.program, "campaign": row, "member": member, "source": f"order:{order_id}:{row.pk}"}
    told |= {"order_id": order_id, "state": "planned", "is_open": True, "due_at": day(6, 1), "at": TODAY, "points": 0}
    return Occurrence.objects.create(**told)


class TestALink:
    def test_leads_anybody_who_has_it_to_the_question(self, member):
        with clock.at(TODAY):
            page = Client().get(link(member))
        assert page.status_code == 200
        assert "Is everything all right with your order?" in text_of(page)
        assert [*re.findall(r'name="choice" value="([a-z]+)"', page.content.decode())] == ["fine", "wrong"]

    def test_tells_nothing_but_a_first_name(self, member):
        answer(member)
        text = Client().get(link(member)).content.decode()
        assert "Boris" in text
        assert [word for word in ("Quillfeather", "boris@example.com", TELL, "checked") if word in text] == []

    def test_fills_in_the_choice_that_was_pressed(self, member):
        html = Client().get(link(member, choice="wrong")).content.decode()
        assert re.search(r'value="wrong"[^>]*checked', html)

    def test_changes_nothing_by_being_followed(self, member):
        for choice in (None, "fine", "wrong", "nonsense"):
            assert Client().get(link(member, choice=choice)).status_code == 200
            assert Client().head(link(member, choice=choice)).status_code == 200
        assert (Answer.objects.count(), Case.objects.count()) == (0, 0)

    def test_is_kept_out_of_caches_search_engines_and_other_sites(self, member):
        page = Client().get(link(member))
        assert "no-store" in page["Cache-Control"]
        assert (page["X-Robots-Tag"], page["Referrer-Policy"]) == ("noindex, nofollow", "same-origin")

    def test_asks_only_what_is_registered(self, member):
        with pytest.raises(UnknownCode):
            link(member, question="weather")

    @pytest.mark.parametrize("text", [*INPUTS][::6])
    def test_that_is_forged_leads_nowhere(self, member, text):
        token = str(INPUTS[text] or "x").replace("/", "") or "x"
        page = Client().get(reverse("loyalty:answer", args=[token]))
        assert page.status_code == 404

    @pytest.mark.parametrize("salt", ["loyalty_oscar.shop.notices", "django.core.signing"])
    def test_that_was_signed_for_something_else_leads_nowhere(self, member, salt):
        token = signing.dumps({"m": member.pk, "q": "problem", "s": "order:1:final", "o": 1}, salt=salt)
        assert asked_by(token=token) is None

    @pytest.mark.parametrize(("age", "works"), [(timedelta(days=179), True), (timedelta(days=181), False)])
    def test_is_good_for_half_a_year(self, member, monkeypatch, age, works):
        made = link(member)
        signed = signing.time.time()
        monkeypatch.setattr(signing.time, "time", lambda: signed + age.total_seconds())
        assert Client().get(made).status_code == (200 if works else 404)
        assert Client().post(made, {"choice": "fine"}).status_code == (302 if works else 404)
        assert Answer.objects.exists() is works

    def test_of_somebody_who_left_leads_nowhere(self, member):
        made = link(member)
        erase(member=member, at=TODAY)
        page = Client().post(made, {"choice": "wrong", "text": TELL})
        assert (page.status_code, Answer.objects.count(), Case.objects.count()) == (404, 0, 0)
        assert "no longer good" in text_of(page)

    def test_of_a_question_that_left_leads_nowhere(self, member):
        made = link(member, question="happy")
        kept = questions.get("happy")
        questions.unregister("happy")
        try:
            assert Client().get(made).status_code == 404
        finally:
            questions.register("happy")(kept)

    def test_of_somebody_who_was_merged_speaks_for_the_other(self, unit, member):
        made, other = link(member), a_member(unit, "ada@example.com")
        ledger.merge(member=member, into=other, actor="staff:1", at=TODAY)
        Client().post(made, {"choice": "fine"})
        assert Answer.objects.get().member_id == other.pk

    def test_works_for_who_is_signed_in_as_somebody_else(self, unit, member):
        client = Client()
        client.force_login(a_user("ada@example.com"))
        client.post(link(member), {"choice": "fine"})
        assert Answer.objects.get().member_id == member.pk

    def test_needs_the_token_of_the_form(self, member):
        assert Client(enforce_csrf_checks=True).post(link(member), {"choice": "fine"}).status_code == 403


class TestAnAnswer:
    def test_is_kept_by_pressing_the_button_and_says_thanks(self, member):
        with clock.at(TODAY):
            page = Client().post(link(member), {"choice": "fine", "text": TELL}, follow=True)
        kept = Answer.objects.get()
        assert (kept.choice, kept.text, kept.source, kept.order_id, kept.at) == (
            "fine", TELL, "order:42:final", 42, TODAY,
        )  # fmt: skip
        text = text_of(page)
        assert "Thank you, Boris" in text
        assert "Everything is fine" in text
        assert TELL not in text
        assert not Case.objects.exists()

    def test_that_something_is_wrong_says_what_comes_next(self, member):
        page = Client().post(link(member), {"choice": "wrong", "text": TELL}, follow=True)
        assert "gets back to you" in text_of(page)
        case = Case.objects.get()
        assert (case.kind, case.source, case.order_id, case.text, case.state, case.points) == (
            "problem", f"answer:{Answer.objects.get().pk}", 42, TELL, "open", 100,
        )  # fmt: skip

    def test_that_comes_later_counts(self, member):
        made = link(member)
        Client().post(made, {"choice": "fine"})
        Client().post(made, {"choice": "wrong", "text": TELL})
        assert [*Answer.objects.values_list("choice", "text")] == [("wrong", TELL)]
        assert Case.objects.count() == 1

    @pytest.mark.parametrize("choice", ["", "nonsense", "price", "<script>", "0", "fine,wrong"])
    def test_that_is_none_is_asked_for_again(self, member, choice):
        page = Client().post(link(member), {"choice": choice, "text": TELL})
        html = page.content.decode()
        assert (page.status_code, Answer.objects.count()) == (200, 0)
        assert 'role="alert"' in html
        assert TELL in html

    @pytest.mark.parametrize(("length", "kept"), [(2000, True), (2001, False)])
    def test_has_two_thousand_characters_at_most(self, member, length, kept):
        Client().post(link(member), {"choice": "fine", "text": "x" * length})
        assert Answer.objects.exists() is kept

    def test_is_cut_where_a_store_saves_more(self, member):
        assert len(answer(member, text="x" * 5000).text) == len(Case.objects.get().text) == 2000

    @pytest.mark.parametrize("text", [*INPUTS][::6])
    def test_holds_whatever_is_typed(self, member, text):
        page = Client().post(link(member), {"choice": "wrong", "text": INPUTS[text] or ""})
        assert page.status_code in (200, 302)

    def test_of_a_choice_that_is_none_is_refused(self, member):
        with pytest.raises(LoyaltyError):
            answer(member, "nonsense")
        assert not Answer.objects.exists()

    def test_keeps_no_words_where_none_were_asked_for(self, member):
        kept = answer(member, "price", question="farewell", source="leaving")
        assert kept.text == ""

    def test_names_what_asked(self, member):
        asking = planned(member, params={"question": "problem"})
        other = planned(member)
        Occurrence.objects.filter(pk__in=[asking.pk, other.pk]).update(source="order:42:final")
        assert answer(member, "fine").occurrence == asking

    def test_is_told_to_who_listens(self, member):
        heard = []

        def listen(sender, member, answer, at, **kwargs):
            heard.append((member.pk, answer.choice, at))

        answer_saved.connect(listen)
        try:
            answer(member, "fine")
        finally:
            answer_saved.disconnect(listen)
        assert heard == [(member.pk, "fine", TODAY)]


class TestAGroupOfMembersByAnAnswer:
    def test_has_its_member_at_once(self, unit, member, django_capture_on_commit_callbacks):
        class Complained:
            label, is_personal = "Complained", False

            def fields(self, *, program_id):
                return {}

            def says(self, *, params, program_id):
                return "complained"

            def holders(self, *, program_id, params, at, after, last):
                rows = Answer.objects.filter(choice="wrong", member_id__gt=after, member_id__lte=last)
                return set(rows.values_list("member_id", flat=True))

        traits.register("complained")(Complained())
        try:
            asked = [{"trait": "complained", "params": {}}]
            group = Segment.objects.create(program=unit.program, code="c", name="C", kind="rule", traits=asked)
            with django_capture_on_commit_callbacks(execute=True):
                answer(member)
            assert members_of(segment=group) == {member.pk}
        finally:
            traits.unregister("complained")


class TestAProblem:
    def test_stops_what_was_still_to_come_about_the_order(self, unit, member):
        mine, other = planned(member), planned(member, order_id=43)
        somebody = planned(a_member(unit, "ada@example.com"))
        answer(member)
        mine.refresh_from_db()
        assert (mine.state, mine.is_open, mine.because["c"]) == ("skipped", False, "problem_open")
        assert {*Occurrence.objects.filter(is_open=True)} == {other, somebody}

    @pytest.mark.parametrize("gift", ["points", "reward"])
    def test_takes_no_gift_away_that_was_promised(self, unit, member, gift):
        given = {"points": 50} if gift == "points" else {"reward": RewardFactory(program=unit.program)}
        promised, surprise = planned(member, **given), planned(member, **given, is_public=False)
        answer(member)
        assert [*Occurrence.objects.filter(is_open=True)] == [promised]
        assert Occurrence.objects.get(state="skipped") == surprise

    @pytest.mark.parametrize(("question", "choice"), [("problem", "fine"), ("happy", "so-so"), ("away", "delivery")])
    def test_is_no_other_answer(self, member, question, choice):
        planned(member)
        answer(member, choice, question=question)
        assert (Case.objects.count(), Occurrence.objects.filter(is_open=True).count()) == (0, 1)

    def test_is_told_twice_in_one_case_while_that_is_open(self, member):
        answer(member)
        answer(member, text="And the dog is ill")
        assert [*Case.objects.values_list("text", flat=True)] == ["And the dog is ill"]

    def test_that_comes_back_after_the_decision_is_another_case(self, member):
        first = answer(member)
        Case.objects.update(state="closed")
        answer(member)  # Sent twice: no news.
        assert Case.objects.count() == 1
        answer(member, text="Wrong again")
        answer(member, text="Wrong again")
        assert [*Case.objects.order_by("pk").values_list("source", "state")] == [
            (f"answer:{first.pk}", "closed"), (f"answer:{first.pk}:1", "open"),
        ]  # fmt: skip

    def test_of_an_unhappy_customer_is_a_case_too(self, member):
        answer(member, "unhappy", question="happy")
        assert Case.objects.get().kind == "unhappy"


class TestQuestionsOfAStore:
    @pytest.fixture
    def fit(self):
        extend.case_kinds.register("fit")(extend.CaseKind(label="Does not fit"))
        choices = {"yes": Choice(text="It fits"), "no": Choice(text="It does not fit", opens="fit")}
        extend.questions.register("fit")(Question(title="Fit", text="Does it fit?", choices=choices, asks_text=False))
        yield
        extend.questions.unregister("fit")
        extend.case_kinds.unregister("fit")

    def test_are_asked_and_open_cases_of_its_own(self, member, fit):
        client, made = Client(), link(member, question="fit", source="order:7:fit", order_id=7)
        html = client.get(made).content.decode()
        assert "Does it fit?" in html
        assert "<textarea" not in html
        client.post(made, {"choice": "no", "text": "x"})
        case = Case.objects.get()
        assert (case.kind, case.text, case.points) == ("fit", "", 0)

    def test_are_told_by_their_codes_once_they_left(self):
        assert said(question="fit", choice="no") == "no"
        assert said(question="problem", choice="no") == "no"


class TestTheFarewell:
    @pytest.fixture
    def client(self, member):
        member.user.set_password("a good one")
        member.user.save()
        client = Client()
        client.force_login(member.user)
        return client

    page = reverse("customer:profile-delete")

    def leave(self, client, choice, password="a good one"):
        with clock.at(day(5, 20)):
            return client.post(self.page, {"password": password, FIELD: choice})

    def test_asks_one_question_on_the_page_that_deletes_a_profile(self, client):
        html = client.get(self.page).content.decode()
        assert "Why do you leave?" in html
        assert 'form="delete_profile_form"' in html
        assert 'id="delete_profile_form"' in html

    def test_asks_nobody_who_is_no_member(self, unit):
        client = Client()
        client.force_login(a_user("ada@example.com"))
        assert FIELD not in client.get(self.page).content.decode()

    def test_counts_the_answer_without_the_person(self, client, member):
        self.leave(client, "price")
        assert not get_user_model().objects.filter(email="boris@example.com").exists()
        row = AnswerCount.objects.get()
        assert (row.program_id, row.question, row.choice, str(row.month), row.number) == (
            member.program_id, "farewell", "price", "2026-05-01", 1,
        )  # fmt: skip
        assert not Answer.objects.exists()

    def test_counts_several_of_a_month_in_one_row(self, unit, client):
        self.leave(client, "price")
        other = a_member(unit, "ada@example.com")
        client.force_login(other.user)
        self.leave(client, "price")
        assert [*AnswerCount.objects.values_list("number", flat=True)] == [2]

    @pytest.mark.parametrize("choice", ["", "nonsense", "<b>", "x" * 500])
    def test_counts_nothing_that_is_no_answer(self, client, choice):
        self.leave(client, choice)
        assert not Member.objects.filter(user__isnull=False).exists()
        assert not AnswerCount.objects.exists()

    def test_counts_nothing_while_the_profile_stays(self, client, member):
        page = self.leave(client, "price", password="wrong")
        assert re.search(r'value="price" selected', page.content.decode())
        Client().post(self.page, {"password": "x", FIELD: "price"})
        assert not AnswerCount.objects.exists()

    def test_never_keeps_anybody_from_leaving(self, client, monkeypatch, caplog):
        monkeypatch.setattr("loyalty_oscar.shop.journeys.farewell.count_answer", lambda **kwargs: 1 / 0)
        assert self.leave(client, "price").status_code == 302
        assert not get_user_model().objects.filter(email="boris@example.com").exists()


class TestWhatIsKept:
    def test_is_taken_along(self, member):
        answer(member)
        data = export_member(member=member, at=TODAY)
        assert data["answers"] == [
            {
                "question": "problem", "about": "order:42:final", "order": 42, "answer": "wrong", "text": TELL,
                "at": TODAY.isoformat(),
            }
        ]  # fmt: skip
        assert [(case["kind"], case["text"], case["state"]) for case in data["cases"]] == [("problem", TELL, "open")]

    def test_is_forgotten_with_the_person(self, member):
        answer(member)
        for _time in range(2):
            erase(member=member, at=TODAY)
        assert [*Answer.objects.values_list("choice", "text")] == [("wrong", "")]
        case = Case.objects.get()
        assert (case.state, case.text, case.decided_by, case.points) == ("closed", "", "system", 0)

    def test_moves_when_two_members_become_one_and_back(self, unit, member):
        other = a_member(unit, "ada@example.com")
        answer(member), answer(other)
        answer(member, source="order:43:final", order_id=43)
        row = ledger.merge(member=member, into=other, actor="staff:1", at=TODAY)
        assert Answer.objects.filter(member=other).count() == 2
        assert Case.objects.filter(member=other).count() == 3
        ledger.unmerge(merge=row, actor="staff:1", at=TODAY)
        assert Answer.objects.filter(member=other).count() == 1
        assert Case.objects.filter(member=other).count() == 1


def test_links_are_signed_under_a_name_of_their_own():
    assert SALT == "loyalty_oscar.shop.journeys.answers" == answers.__name__
