"""Campaigns in the admin: set up, read back, never more given than the budget says."""

import re

import pytest
import segno
from django.urls import reverse

from loyalty_oscar.journeys.forms.params import FIELDS, WITH_RELATED
from loyalty_oscar.journeys.models import Campaign, CampaignText, Occurrence
from loyalty_oscar.journeys.occasions import occasions
from loyalty_oscar.journeys.operations import act
from loyalty_oscar.journeys.ready import READY, add_ready
from loyalty_oscar.journeys.subjects import loud
from loyalty_oscar.journeys.texts import unknown
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program import clock
from loyalty_oscar.program.hooks import set_uses
from loyalty_oscar.program.models import PointWorth
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.testing.factories import ProductSetFactory, ProgramFactory, RewardFactory
from tests.integration.admin.test_saved_unchanged import Form
from tests.integration.journeys.deeds import a_campaign, a_member, has
from tests.storefront import TODAY, text_of

LIST = reverse("admin:loyalty_journeys_campaign_changelist")


def add(fields):
    """The address at which a campaign of an occasion is added."""
    return f"{reverse('admin:loyalty_journeys_campaign_add')}?type={fields['occasion']}"


def page(campaign):
    return reverse("admin:loyalty_journeys_campaign_change", args=[campaign.pk])


def typed(unit, **fields):
    """What a merchant types; a moment is two fields, and no text is written."""
    data = {
        "program": unit.program_id,
        "occasion": "review",
        "name": "A review",
        "code": "",
        "points": "50",
        "is_on": "on",
        "rank": "0",
        "is_public": "True",
        "told_days": "30",
    }
    empty = {f"{name}_{n}": "" for name in ("starts_at", "ends_at") for n in (0, 1)}
    return {**data, **empty, "word": "", "budget": "", "least_orders": "", **written(), **fields}


def written(**texts):
    """What a campaign says, by languages: a subject and a text each."""
    rows = {"texts-TOTAL_FORMS": str(len(texts)), "texts-INITIAL_FORMS": "0"}
    for number, (language, (subject, body)) in enumerate(texts.items()):
        said = {"language": language, "subject": subject, "body": body}
        rows |= {f"texts-{number}-{name}": value for name, value in said.items()}
    return rows


def adds(client, unit, **fields):
    data = typed(unit, **fields)
    return client.post(add(data), data)


def errors(response):
    return {name: said[0] for name, said in response.context["adminform"].form.errors.items()}


class TestACampaignInTheAdmin:
    def test_is_set_up_and_read_back(self, root, unit):
        adds(root, unit, budget="500")
        campaign = Campaign.objects.get()

        assert (campaign.code, campaign.points, campaign.budget, campaign.occasion) == ("a-review", 50, 500, "review")
        text = text_of(root.get(page(campaign)))
        assert "50 paws: A review that is shown, by somebody who bought the product" in text
        assert "product, at most 500 paws in all; 0 paws given so far." in text
        assert "A review" in text_of(root.get(reverse("admin:loyalty_journeys_campaign_changelist")))

    def test_says_in_the_list_how_often_it_came_and_of_points_how_many(self, root, unit):
        for points, given, spent in ((50, 24, 1200), (0, 1217, 0)):
            Campaign.objects.filter(pk=a_campaign(unit).pk).update(points=points, given=given, spent=spent)
        said = text_of(root.get(LIST))
        assert "50 24 1,200 -" in said
        assert "a letter 1,217 - -" in said

    def test_asks_for_a_code_where_the_name_gives_none(self, root, unit):
        assert errors(adds(root, unit, name="Отзыв")) == {"code": "None can be made from this name. Write one."}
        assert adds(root, unit, name="Отзыв", code="otzyv").status_code == 302

    def test_gives_a_reward_in_place_of_points(self, root, unit):
        reward = RewardFactory(program=unit.program, name="A grooming")
        adds(root, unit, points="", reward=str(reward.pk), most="20")
        campaign = Campaign.objects.get()

        assert (campaign.points, campaign.reward, campaign.most) == (0, reward, 20)
        said = text_of(root.get(page(campaign)))
        assert "“A grooming”: A review that is shown, by somebody who bought the product, at most 20 times" in said
        assert "given 0 times so far." in said
        assert "A grooming" in text_of(root.get(reverse("admin:loyalty_journeys_campaign_changelist")))

    @pytest.mark.parametrize(
        ("fields", "field", "says"),
        [
            ({"occasion": "sign-up", "points": ""}, "points", "How much, or which reward?"),
            ({"points": "5", "reward": "own"}, "points", "Say how much or choose a reward, not both."),
            ({"points": "", "reward": "other"}, "reward", "That reward is of another program."),
            ({"points": "", "reward": "own", "budget": "5"}, "budget", "A reward is given so many times."),
            ({"most": "0"}, "most", "greater than or equal to 1"),
        ],
    )
    def test_says_what_does_not_fit_a_reward(self, root, unit, fields, field, says):
        other = RewardFactory(program=ProgramFactory(code="other", is_default=False))
        rewards = {"own": str(RewardFactory(program=unit.program).pk), "other": str(other.pk)}
        data = {**fields, **({"reward": rewards[fields["reward"]]} if "reward" in fields else {})}
        assert says in errors(adds(root, unit, **data))[field]
        assert not Campaign.objects.exists()

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            (
                {"occasion": "birthday"},
                "A birthday, once a year, told at least 30 days before, for members with 1 paid order that arrived and",
            ),
            ({"occasion": "birthday", "told_days": "0", "least_orders": "0"}, "50 paws: A birthday, once a year;"),
            (
                {"occasion": "birthday", "told_days": "1", "least_orders": "3"},
                "told at least 1 day before, for members with 3 paid orders that arrived and were kept;",
            ),
            (
                {"occasion": "word", "word": "woof24", "confirmed_only": "on"},
                "The code word “woof24”, typed or by a QR code, only with a confirmed e-mail address;",
            ),
        ],
    )
    def test_reads_back_for_whom_it_is(self, root, unit, fields, says):
        adds(root, unit, **fields)
        assert says in text_of(root.get(page(Campaign.objects.get())))

    @pytest.mark.parametrize("fields", [{"told_days": "366"}, {"told_days": "-1"}, {"least_orders": "51"}])
    def test_asks_for_nothing_that_nobody_can_do(self, root, unit, fields):
        assert list(errors(adds(root, unit, occasion="birthday", **fields))) == list(fields)

    @pytest.mark.parametrize("asked", ["", "?type=juggling"])
    def test_begins_with_what_it_is_for(self, root, unit, asked):
        page = root.get(f"{reverse('admin:loyalty_journeys_campaign_add')}{asked}")
        assert {code for code, _name, _help in page.context["types"]} == {*occasions}
        assert "What is it for?" in text_of(page)

    @pytest.mark.parametrize("occasion", [*occasions])
    def test_has_the_fields_of_its_occasion_alone(self, root, unit, occasion):
        page = root.get(add({"occasion": occasion}))
        asked = [name for name in FIELDS if name in page.context["adminform"].form.fields]
        assert {*asked} == {
            *occasions.get(occasion).params,
            "question",
            *(["related"] if occasion in WITH_RELATED else []),
        }

    @pytest.mark.parametrize("occasion", ["review", "surprise", "late"])
    def test_is_promised_or_a_surprise_as_its_occasion_suggests(self, root, unit, occasion):
        form = root.get(add({"occasion": occasion})).context["adminform"].form
        assert form["is_public"].value() is (occasion == "review")

    def test_keeps_a_product_set_that_it_asks_for(self, root, unit):
        goods = ProductSetFactory(code="beds", name="Beds")
        adds(root, unit, occasion="warranty", sets=["beds"], months="24", name="Warranty")
        campaign = Campaign.objects.get()
        assert campaign.params == {"sets": ["beds"], "months": 24}
        assert "The end of a warranty, 24 months after an order of “Beds”" in text_of(root.get(page(campaign)))
        assert ["Warranty"] in [list(said) for said in set_uses.answers(product_set=goods)]

    def test_with_a_word_keeps_it_folded_and_shows_the_address_for_a_qr_code(self, root, unit):
        adds(root, unit, occasion="word", word="Summer-26", name="Summer")
        campaign = Campaign.objects.get()

        assert campaign.word == "summer26"
        response = root.get(page(campaign))
        address = re.search(r"http://\S+/loyalty/word/summer26/", text_of(response)).group()
        drawn = segno.make(address, error="m", micro=False).svg_inline(scale=5, border=4)
        assert drawn in response.content.decode()

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"occasion": "word"}, "word"),
            ({"occasion": "word", "word": "abc"}, "word"),
            ({"occasion": "word", "word": "- -"}, "word"),
            ({"occasion": "sign-up", "points": "0"}, "points"),
            ({"delay_days": "-1"}, "delay_days"),
            ({"delay_days": "3651"}, "delay_days"),
            ({"rest_days": "3651"}, "rest_days"),
            ({"is_public": "perhaps"}, "is_public"),
            ({"rank": "9"}, "rank"),
            ({"occasion": "surprise", "members": "3", "is_public": "True"}, "is_public"),
            ({"occasion": "surprise", "members": "0", "is_public": "False"}, "members"),
            ({"occasion": "surprise", "is_public": "False"}, "members"),
            ({"occasion": "day", "day": "30", "month": "2"}, "day"),
            ({"occasion": "day", "day": "32", "month": "1"}, "day"),
            ({"occasion": "day", "day": "1", "month": "13"}, "month"),
            ({"occasion": "warranty", "months": "24"}, "sets"),
            ({"points": "-5"}, "points"),
            ({"budget": "-1"}, "budget"),
            (
                {
                    "starts_at_0": "2026-05-06",
                    "starts_at_1": "10:00",
                    "ends_at_0": "2026-05-06",
                    "ends_at_1": "10:00",
                },
                "ends_at",
            ),
        ],
    )
    def test_that_makes_no_sense_is_refused(self, root, unit, fields, field):
        response = adds(root, unit, **fields)

        assert list(errors(response)) == [field]
        assert not Campaign.objects.exists()

    def test_takes_a_word_once(self, root, unit):
        a_campaign(unit, "word", word="summer")
        adds(root, unit, occasion="word", word="SUMMER", name="Again")

        assert Campaign.objects.count() == 1

    def test_takes_no_budget_below_what_was_given(self, root, unit):
        campaign = a_campaign(unit, spent=120)
        response = root.post(page(campaign), typed(unit, budget="100"))

        assert errors(response) == {"budget": "120 have been given already."}
        campaign.refresh_from_db()
        assert campaign.budget is None

    @pytest.mark.parametrize(("given", "most", "said"), [(1, 1, "1 time"), (3, 3, "3 times"), (3, 2, "3 times")])
    def test_takes_no_more_times_than_it_was_given_already(self, root, unit, given, most, said):
        campaign = a_campaign(unit, given=given)
        data = {name: value for name, value in typed(unit, most=str(most)).items() if name not in ("program", "code")}
        assert errors(root.post(page(campaign), data)) == {
            "most": f"It was given {said} already. Write more, or switch it off."
        }
        assert root.post(page(campaign), {**data, "most": str(given + 1)}).status_code == 302
        Campaign.objects.update(most=given)
        assert root.post(page(campaign), {**data, "most": str(given), "name": "Other"}).status_code == 302

    @pytest.mark.parametrize(
        ("occasion", "there", "params", "is_refused"),
        [
            ("review", {}, {}, True),
            ("day", {"day": 6, "month": 12}, {"day": 6, "month": 12}, True),
            ("day", {"day": 6, "month": 12}, {"day": 6, "month": 1}, False),
            ("order-placed", {}, {}, True),
            ("order-placed", {"sets": ["food"]}, {"sets": ["food"]}, True),
            ("order-placed", {"sets": ["food"]}, {}, False),
            ("order-placed", {}, {"sets": ["food"]}, False),
        ],
    )
    def test_is_refused_where_another_one_is_for_the_very_same(self, root, unit, occasion, there, params, is_refused):
        ProductSetFactory(code="food")
        a_campaign(unit, occasion, params=there)
        data = typed(unit, occasion=occasion, code="another", **params)

        assert (root.post(add(data), data).status_code == 200) == is_refused
        assert Campaign.objects.count() == (1 if is_refused else 2)

    def test_saved_while_points_are_given_keeps_count(self, root, unit):
        campaign = a_campaign(unit, spent=50)
        Campaign.objects.update(spent=100)
        root.post(page(campaign), typed(unit, name="Another name"))

        campaign.refresh_from_db()
        assert (campaign.name, campaign.spent) == ("Another name", 100)

    def test_lets_staff_take_points_back_for_good(self, root, unit):
        a_campaign(unit, "sign-up")
        member, told = a_member(unit), {"program": unit.program, "occasion": "sign-up", "at": clock.now()}
        act(user_id=member.user_id, **told)
        rows = reverse("admin:loyalty_journeys_occurrence_changelist")
        data = {"action": "take_back", "_selected_action": [Occurrence.objects.get().pk]}
        asked = text_of(root.post(rows, data))
        assert "Up to 50 paws of 1 member." in asked and "There is no way back." in asked
        assert has(member) == (50, 0)
        data["confirmed"] = "yes"

        assert "Taken back: 50 paws." in text_of(root.post(rows, data, follow=True))
        assert act(user_id=member.user_id, **told) is None
        assert has(member) == (0, 0)

    def test_says_for_each_program_of_how_many_members_points_are_taken(self, root, unit):
        other = ProgramFactory(code="other", name="Other", is_default=False).unit
        for one, times in ((unit, 1), (other, 2)):
            a_campaign(one, "sign-up")
            for number in range(times):
                member = a_member(one, f"{one.pk}-{number}@example.com")
                act(program=one.program, user_id=member.user_id, occasion="sign-up", at=clock.now())
        rows = reverse("admin:loyalty_journeys_occurrence_changelist")
        data = {"action": "take_back", "_selected_action": list(Occurrence.objects.values_list("pk", flat=True))}
        sentences = [text.replace("\xa0", " ") for text in root.post(rows, data).context["sentences"]]
        assert sorted(text.rpartition(" of ")[2] for text in sentences[:2]) == ["1 member.", "2 members."]

    def test_says_how_many_rewards_are_taken_back(self, root, unit):
        a_campaign(unit, "sign-up", points=0, reward=RewardFactory(program=unit.program))
        member = a_member(unit)
        act(program=unit.program, user_id=member.user_id, occasion="sign-up", at=clock.now())
        rows = reverse("admin:loyalty_journeys_occurrence_changelist")
        data = {"action": "take_back", "_selected_action": [Occurrence.objects.get().pk]}
        assert root.post(rows, data).context["sentences"][0] == "Up to 1 reward."
        said = text_of(root.post(rows, {**data, "confirmed": "yes"}, follow=True))
        assert "Taken back: 1 reward." in said and "paws" not in said.partition("Taken back")[2][:40]

    def test_asks_about_no_more_than_can_be_sent_back(self, root, unit):
        campaign, member = a_campaign(unit, "sign-up"), a_member(unit)
        about = {"program": unit.program, "campaign": campaign, "member": member, "at": clock.now(), "points": 1}
        about["because"] = Because("adjusted").to_json()
        Occurrence.objects.bulk_create(Occurrence(source=f"review:{number}", **about) for number in range(501))
        rows = reverse("admin:loyalty_journeys_occurrence_changelist")
        data = {"action": "take_back", "_selected_action": [Occurrence.objects.first().pk], "select_across": "1"}
        assert "Choose at most 500 at once." in text_of(root.post(rows, data, follow=True))

    def test_lets_nobody_take_points_back_who_may_only_look(self, staff, unit):
        a_campaign(unit, "sign-up")
        member = a_member(unit)
        act(program=unit.program, user_id=member.user_id, occasion="sign-up", at=clock.now())
        _user, client = staff("loyalty_journeys.view_occurrence")
        rows = reverse("admin:loyalty_journeys_occurrence_changelist")
        data = {"action": "take_back", "_selected_action": [Occurrence.objects.get().pk], "confirmed": "yes"}
        client.post(rows, data)

        assert has(member) == (50, 0)

    def test_is_switched_off_and_deleted_only_as_long_as_it_gave_nothing(self, root, unit):
        campaign = a_campaign(unit, "sign-up")
        page = reverse("admin:loyalty_journeys_campaign_delete", args=[campaign.pk])
        member = a_member(unit)
        act(program=unit.program, user_id=member.user_id, occasion="sign-up", at=clock.now())
        assert root.post(page, {"post": "yes"}).status_code == 403
        assert Campaign.objects.exists()
        Occurrence.objects.all().delete()
        assert root.post(page, {"post": "yes"}).status_code == 302
        assert not Campaign.objects.exists()


def said(response):
    """What is wrong with what a campaign says, in all its languages."""
    rows = response.context["inline_admin_formsets"][0].formset
    return [text for row in rows.errors for texts in row.values() for text in texts] + rows.non_form_errors()


class TestWhatACampaignSays:
    def test_is_kept_in_each_language(self, root, unit):
        texts = written(en=("Hello {first_name}", "Take {gift}: {link}"), de=("Hallo", "Für dich"))
        assert adds(root, unit, **texts).status_code == 302
        assert [*CampaignText.objects.order_by("pk").values_list("language", "subject")] == [
            ("en", "Hello {first_name}"),
            ("de", "Hallo"),
        ]
        assert "It writes in English, German." in text_of(root.get(page(Campaign.objects.get())))

    @pytest.mark.parametrize(
        ("subject", "body", "wrong"),
        [
            ("Hello {firstname}", "Text", "{firstname}"),
            ("Hello", "{First_name} {} {shop}", "{First_name}, {}"),
            ("Hello", "{{ user.password }}", "{ user.password }"),
            ("Hello", "{0.__class__}", "{0.__class__}"),
        ],
    )
    def test_holds_no_placeholder_that_nobody_fills(self, root, unit, subject, body, wrong):
        told = (
            "Nothing is known of {}. There are: {{first_name}}, {{shop}}, {{program}}, {{gift}}, {{product}}, {{link}}."
        )
        assert said(adds(root, unit, **written(en=(subject, body)))) == [told.format(wrong)]
        assert not Campaign.objects.exists()

    @pytest.mark.parametrize(
        ("subject", "shouts"),
        [
            ("Summer sale", "sale"),
            ("Only today!!!", "!!!"),
            ("Ends SOON", "SOON"),
            ("VIP and a friend", ""),
            ("Sales of our partner", ""),
            ("{first_name}, well done!", ""),
            ("Rabatt für alle", "Rabatt"),
        ],
    )
    def test_is_asked_about_where_its_subject_shouts(self, root, unit, subject, shouts):
        texts = written(en=(subject, "Text"))
        answer = adds(root, unit, **texts)
        if not shouts:
            assert answer.status_code == 302
            return
        asked = f"Filters for unwanted mail count this in a subject: {shouts}. Tick this if you mean it."
        assert said(answer) == [asked]
        assert adds(root, unit, **texts, **{"texts-0-is_meant": "on"}).status_code == 302
        assert CampaignText.objects.get().subject == subject

    @pytest.mark.parametrize(
        ("points", "texts", "wrong"),
        [
            ("", {}, "It gives nothing and says nothing. Choose a gift above, or write a text."),
            ("0", {}, "It gives nothing and says nothing. Choose a gift above, or write a text."),
            ("", {"en": ("Hello", "Here is {gift}")}, "This campaign gives nothing, so {gift} stands for nothing."),
            ("", {"en": ("Hello", "How are you?")}, ""),
            ("5", {}, ""),
        ],
    )
    def test_is_something_where_nothing_is_given(self, root, unit, points, texts, wrong):
        answer = adds(root, unit, points=points, **written(**texts))
        assert (said(answer) if wrong else answer.status_code) == ([wrong] if wrong else 302)

    def test_is_there_once_for_a_language(self, root, unit):
        twice = {**written(en=("Hello", "Text")), "texts-TOTAL_FORMS": "2"}
        twice |= {"texts-1-language": "en", "texts-1-subject": "Again", "texts-1-body": "Text"}
        assert adds(root, unit, **twice).status_code == 200
        assert not Campaign.objects.exists()

    def test_is_changed_by_whoever_may_change_the_campaign(self, staff, unit):
        campaign = a_campaign(unit)
        _user, client = staff("loyalty_journeys.change_campaign")
        data = {
            name: value for name, value in typed(unit, **written(en=("Hello", "Text"))).items() if name != "program"
        }
        assert client.post(page(campaign), data).status_code == 302
        assert CampaignText.objects.get().campaign == campaign

    def test_is_read_by_whoever_may_only_look(self, staff, unit):
        campaign = a_campaign(unit)
        CampaignText.objects.create(campaign=campaign, language="en", subject="Hello", body="Text")
        _user, client = staff("loyalty_journeys.view_campaign")
        shown = client.get(page(campaign))
        assert "Hello" in text_of(shown) and 'name="texts-0-subject"' not in shown.content.decode()


class TestTheReadyCampaigns:
    READY = reverse("admin:loyalty_journeys_ready")

    def test_are_added_switched_off_and_once(self, root, unit):
        assert "Add the ready campaigns" in text_of(root.get(LIST))
        assert all(str(one.name) in text_of(root.get(self.READY)) for one in READY)
        data = {"program": unit.program_id}
        told = text_of(root.post(self.READY, data, follow=True))
        assert f"{len(READY)} campaigns were added, switched off." in told
        assert not Campaign.objects.filter(is_on=True).exists()
        assert {*Campaign.objects.values_list("code", flat=True)} == {one.code for one in READY}
        assert "0 campaigns were added" in text_of(root.post(self.READY, data, follow=True))

    def test_are_rows_that_their_own_form_takes(self, root, unit):
        add_ready(unit=unit, at=TODAY)
        for campaign in Campaign.objects.order_by("pk"):
            shown = root.get(page(campaign)).content.decode()
            data = Form(shown).data | {"is_on": ["on"]}
            assert root.post(page(campaign), data).status_code == 302, campaign.code
        assert Campaign.objects.filter(is_on=True).count() == len(READY)

    def test_hold_placeholders_that_are_filled_and_subjects_that_do_not_shout(self, unit):
        add_ready(unit=unit, at=TODAY)
        for text in CampaignText.objects.all():
            assert (unknown(text.subject), unknown(text.body), loud(text.subject)) == ([], [], [])

    @pytest.mark.parametrize(
        ("per_points", "minor", "points"), [(100, 100, 500), (1, 1, 500), (100, 500, 100), (3, 7, 215)]
    )
    def test_give_as_much_as_is_meant_whatever_points_are_worth(self, unit, per_points, minor, points):
        PointWorth.objects.filter(program=unit.program).update(points=per_points, minor=minor)
        forget_cache()
        add_ready(unit=unit, at=TODAY)
        assert Campaign.objects.get(code="happy-birthday").points == points
        assert Campaign.objects.get(code="thank-you").points == 0

    def test_speak_the_languages_that_know_their_words(self, unit):
        add_ready(unit=unit, at=TODAY)
        assert {*CampaignText.objects.values_list("language", flat=True)} == {"en"}

    def test_are_added_by_those_who_may_add_campaigns(self, staff, unit):
        _user, client = staff("loyalty_journeys.change_campaign")
        assert "Add the ready campaigns" not in text_of(client.get(LIST))
        assert client.post(self.READY, {"program": unit.program_id}).status_code == 403
        assert not Campaign.objects.exists()
