"""What stands beside a campaign: to whom it would come today, what a real member would read, and what came of it."""

import csv
import io
from datetime import timedelta
from itertools import count

import pytest
from django.urls import reverse

from loyalty_oscar import extend
from loyalty_oscar.journeys.audience import audience
from loyalty_oscar.journeys.models import Campaign, CampaignText, Occurrence
from loyalty_oscar.journeys.planning import tell
from loyalty_oscar.journeys.results import DAYS, ENOUGH, result_of
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations import merge, restore, spend
from loyalty_oscar.people.consents import ask, confirm, withdraw
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.people.operations import save_birthday
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import shown_units
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import ask as ask_for
from loyalty_oscar.redemption.operations import fulfil, not_fulfilled
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import SegmentFactory
from tests.integration.admin.test_saved_unchanged import Form
from tests.integration.journeys.deeds import a_campaign, a_member, a_night
from tests.points import pay, points_club
from tests.rewards import a_reward, fresh, put_on
from tests.storefront import TODAY, a_basket, a_product, buy, text_of

NUMBERS = count(1)
WHY = Because("goodwill")


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


def page(campaign):
    return reverse("admin:loyalty_journeys_campaign_change", args=[campaign.pk])


def says(campaign, subject="Hello {first_name}", body="There is {gift} for you: {link}", language="en"):
    return CampaignText.objects.create(campaign=campaign, language=language, subject=subject, body=body)


def allows_letters(member, at=TODAY):
    row = ask(member=member, purpose="letters", words="Yes", language="en", at=at)
    confirm(consent_id=row.pk, at=at)
    return member


def born_today(member, at=TODAY):
    save_birthday(member=member, day=at.day, month=at.month, at=at - timedelta(days=100))
    return member


def holds_out(unit, percent):
    unit.program.holdout_percent = percent
    unit.program.save()


def members(unit, number):
    return [a_member(unit, f"{next(NUMBERS)}@example.com") for _time in range(number)]


class Lost:
    """Finds nobody: it fails."""

    def __init__(self, fault):
        self.fault = fault

    def __call__(self, *, program, campaign, since, until):
        if self.fault == "database":
            Member.objects.raw("SELECT missing FROM nowhere")[0]
        raise RuntimeError("<b>nobody</b> answers at ada@example.com")


class TestAnOccasionThatFails:
    @pytest.mark.parametrize("fault", ["code", "database"])
    def test_is_told_on_a_page_that_can_be_saved(self, root, unit, fault):
        extend.occasions.register("lost")(extend.Occasion(due=Lost(fault)))
        try:
            campaign = a_campaign(unit, "lost", points=5)
            answer = root.get(page(campaign))
            assert answer.status_code == 200
            said = {"code": "RuntimeError: <b>nobody</b> answers at …", "database": "nowhere"}[fault]
            assert "Nobody can say to whom it would come:" in text_of(answer) and said in text_of(answer)
            assert "<b>nobody" not in answer.content.decode()
            data = Form(answer.content.decode()).data
            data.pop("is_on")
            assert root.post(page(campaign), data).status_code == 302
            campaign.refresh_from_db()
            assert not campaign.is_on
        finally:
            extend.occasions.unregister("lost")


class TestToday:
    def test_is_told_of_who_would_get_it_and_of_who_allows_no_letters(self, root, unit):
        campaign = a_campaign(unit, "birthday", is_public=False)
        people = [born_today(member) for member in members(unit, 5)]
        assert "It would come to 5 members today." in text_of(root.get(page(campaign)))
        says(campaign)
        for member in people[:2]:
            allows_letters(member)
        told = text_of(root.get(page(campaign)))
        assert "It would come to 2 members today. 3 more allow no letters, and get nothing." in told
        withdraw(member_id=people[0].pk, purpose="letters", at=TODAY)
        told = text_of(root.get(page(campaign)))
        assert "It would come to 1 member today. 4 more allow no letters, and get nothing." in told

    def test_is_told_that_what_is_promised_comes_without_a_letter(self, root, unit):
        campaign = a_campaign(unit, "birthday")
        says(campaign)
        people = [born_today(member) for member in members(unit, 2)]
        allows_letters(people[0])
        told = text_of(root.get(page(campaign)))
        assert "It would come to 2 members today. 1 of them allows no letters, and finds it in the account." in told

    @pytest.mark.parametrize(("days", "members_told"), [(-1, 0), (0, 1), (1, 0)])
    def test_is_the_day_of_the_program(self, unit, days, members_told):
        campaign = a_campaign(unit, "birthday")
        born_today(*members(unit, 1))
        assert audience(campaign=campaign, at=TODAY + timedelta(days=days)).members == members_told

    @pytest.mark.parametrize(("days", "members_told"), [(2, 0), (3, 1), (4, 0)])
    def test_counts_what_was_found_as_many_days_ago_as_it_waits(self, unit, days, members_told):
        campaign = a_campaign(unit, "birthday", delay_days=3)
        born_today(*members(unit, 1))
        assert audience(campaign=campaign, at=TODAY + timedelta(days=days)).members == members_told

    @pytest.mark.parametrize(("number", "members_told"), [(30, 0), (31, 1)])
    def test_counts_days_by_the_clock_on_the_wall(self, unit, number, members_told):
        unit.program.time_zone = "Europe/Berlin"
        campaign = a_campaign(unit, "birthday", delay_days=30)
        save_birthday(member=members(unit, 1)[0], day=1, month=10, at=TODAY)
        at = TODAY.replace(month=10, day=number)
        assert audience(campaign=campaign, at=at).members == members_told

    def test_leaves_out_whom_it_is_not_for_and_who_had_it(self, unit):
        people = [born_today(member) for member in members(unit, 4)]
        campaign = a_campaign(unit, "birthday", segment=SegmentFactory(program=unit.program, members=people[:2]))
        assert audience(campaign=campaign, at=TODAY).members == 2
        occurred(campaign, people[0], source=f"birthday:{TODAY.year}")
        assert audience(campaign=campaign, at=TODAY).members == 1

    @pytest.mark.parametrize(("percent", "comes"), [(0, 3), (100, 0)])
    def test_leaves_out_the_control_group_of_surprises_alone(self, unit, percent, comes):
        holds_out(unit, percent)
        for member in members(unit, 3):
            born_today(member)
        surprise, promise = a_campaign(unit, "birthday", is_public=False), a_campaign(unit, "birthday")
        found = [audience(campaign=campaign, at=TODAY).members for campaign in (surprise, promise)]
        assert found == [comes, 3]

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"most": 5}, "It would come to 5 members today. 2 of them allow no letters"),
            ({"most": 4}, "It would come to 4 members today. Nothing is left for 1 more member. 2 of them allow"),
            ({"budget": 199}, "It would come to 3 members today. Nothing is left for 2 more members. 2 of them allow"),
            ({"most": 4, "given": 3}, "It would come to 1 member today. Nothing is left for 4 more members. 1 of them"),
            ({"most": 3, "given": 3}, "It would come to 0 members today. Nothing is left for 5 more members."),
            ({"most": 2, "is_public": False}, "to 2 members today. Nothing is left for 1 more member. 2 more allow no"),
        ],
    )
    def test_is_told_of_no_more_than_there_is_left_for(self, root, unit, fields, told):
        campaign = says(a_campaign(unit, "birthday", **fields)).campaign
        for member in [born_today(member) for member in members(unit, 5)][:3]:
            allows_letters(member)
        found = audience(campaign=campaign, at=TODAY)
        assert told in text_of(root.get(page(campaign)))
        assert a_night(TODAY) == found.members

    def test_is_told_of_what_is_left_where_not_all_were_looked_at(self, root, unit, monkeypatch):
        monkeypatch.setattr("loyalty_oscar.journeys.audience.MOST", 3)
        campaign = a_campaign(unit, "birthday", most=3)
        for member in members(unit, 5):
            born_today(member)
        assert "It would come to more than 3 members today." in text_of(root.get(page(campaign)))
        Campaign.objects.update(most=2)
        assert "It would come to 2 members today." in text_of(root.get(page(campaign)))

    def test_of_what_comes_as_it_happens_is_told_what_waits(self, root, unit):
        campaign = a_campaign(unit, "order-placed", delay_days=2)
        assert "It comes as it happens. " in text_of(root.get(page(campaign)))
        waits = {"state": "planned", "is_open": True, "due_at": TODAY}
        occurred(campaign, *members(unit, 1), **waits)
        assert "It comes as it happens. It waits for 1 member today." in text_of(root.get(page(campaign)))


def occurred(campaign, member, **fields):
    """Somebody came into a campaign 40 days ago."""
    told = {"source": f"order:{next(NUMBERS)}:placed", "state": "done", "at": TODAY - timedelta(days=40), "points": 50}
    return Occurrence.objects.create(program=campaign.program, campaign=campaign, member=member, **{**told, **fields})


def ordered(member, at, **fields):
    told = {"buyer": f"u:{member.user_id}", "currency": "EUR", "goods_minor": 1, "paid_minor": 1, "pieces": 1}
    told |= {"placed_at": at, "changed_at": at, "order_id": next(NUMBERS), **fields}
    return Receipt.objects.create(program=member.program, member=member, **told)


class TestTheResult:
    def test_is_nothing_before_anything_came(self, root, unit):
        assert "What came of it" not in text_of(root.get(page(a_campaign(unit))))

    @pytest.mark.parametrize(
        ("days", "fields", "counts"),
        [
            (0, {}, 0),
            (1, {}, 1),
            (DAYS, {}, 1),
            (DAYS + 1, {}, 0),
            (1, {"is_gone": True}, 0),
            (-1, {}, 0),
        ],
    )
    def test_counts_orders_of_the_days_after_it(self, unit, days, fields, counts):
        campaign = a_campaign(unit)
        row = occurred(campaign, *members(unit, 1))
        ordered(row.member, row.at + timedelta(days=days), **fields)
        found = result_of(campaign=campaign, at=TODAY).reached
        assert (found.members, found.ordered) == (1, counts)

    def test_counts_from_the_letter_where_one_left(self, unit):
        campaign = a_campaign(unit)
        row = occurred(campaign, *members(unit, 1), told_at=TODAY - timedelta(days=35))
        ordered(row.member, TODAY - timedelta(days=38))
        assert result_of(campaign=campaign, at=TODAY).reached.ordered == 0
        ordered(row.member, TODAY - timedelta(days=34))
        found = result_of(campaign=campaign, at=TODAY)
        assert (found.told, found.reached.ordered) == (1, 1)

    @pytest.mark.parametrize(("ago", "ripe"), [(DAYS - 1, 0), (DAYS, 1)])
    def test_waits_until_the_days_are_over(self, unit, ago, ripe):
        campaign = a_campaign(unit)
        occurred(campaign, *members(unit, 1), at=TODAY - timedelta(days=ago))
        assert result_of(campaign=campaign, at=TODAY).reached.members == ripe

    @pytest.mark.parametrize("number", [ENOUGH - 1, ENOUGH])
    def test_says_where_there_is_not_enough_data(self, root, unit, number):
        holds_out(unit, 10)
        campaign = a_campaign(unit, is_public=False)
        rows = [occurred(campaign, member) for member in members(unit, number)]
        for row in rows[:6]:
            ordered(row.member, row.at + timedelta(days=1))
        for member in members(unit, number):
            occurred(campaign, member, state="held")
        told = text_of(root.get(page(campaign)))
        if number < ENOUGH:
            assert "Not enough data: 30 days are over for 29 of those to whom it came; 30 are needed." in told
            assert "Not enough data: 30 days are over for 29 of the control group; 30 are needed." in told
        else:
            assert "Of 30 members to whom it came 6 ordered within 30 days: 20 %." in told
            assert "Of 30 members of the control group 0 did: 0 %." in told

    def test_speaks_of_the_control_group_of_surprises_alone(self, root, unit):
        holds_out(unit, 10)
        campaign = a_campaign(unit)
        occurred(campaign, *members(unit, 1))
        assert "control group;" not in text_of(root.get(page(campaign)))

    def test_takes_as_many_queries_however_many_there_are(self, unit, django_assert_num_queries):
        campaign = a_campaign(unit)
        for number in (1, 5):
            for member in members(unit, number):
                occurred(campaign, member)
            shown_units()  # Which is remembered, and says whether the program has rewards.
            with django_assert_num_queries(4):
                result_of(campaign=campaign, at=TODAY)


class TestTheLetter:
    def test_is_shown_as_a_member_would_read_it(self, root, unit):
        campaign = a_campaign(unit, "order-placed", points=0, params={"question": "problem"})
        says(campaign, "Is all well with {product}?", "Hello {first_name}, of {shop} and {program}. {braces}")
        member = allows_letters(a_member(unit, "ada@example.com"))
        type(member.user).objects.filter(pk=member.user_id).update(first_name="Ada")
        buy(member.user, (a_product("A bowl"), 1), on=TODAY)
        told = text_of(root.get(page(campaign), {"as": "ada@example.com"}))
        assert "would read now. Language: English." in told
        assert "Is all well with A bowl?" in told and "Hello Ada, of Pets & Co. and Paw Club. {braces}" in told
        assert "Everything is fine" in told and "allows no letters" not in told

    def test_says_that_nobody_was_found_or_that_none_is_sent(self, root, unit):
        campaign = a_campaign(unit)
        assert "As a member reads it" not in text_of(root.get(page(campaign)))
        says(campaign)
        a_member(unit, "ada@example.com")
        assert "No member of this program was found." in text_of(root.get(page(campaign), {"as": "nobody@example.com"}))
        silly = root.get(page(campaign), {"as": "nobody\x00@example.com"})
        assert 'name="as" value="nobody@example.com"' in silly.content.decode(), "PostgreSQL looks for no NUL"
        told = text_of(root.get(page(campaign), {"as": "ada@example.com"}))
        assert "This member allows no letters, so none is sent." in told and "50 paws for you" in told

    def test_is_for_those_who_may_look_at_members(self, staff, unit):
        campaign = a_campaign(unit)
        says(campaign)
        for names, shown in (((), False), (("loyalty_program.view_member",), True)):
            _user, client = staff("loyalty_journeys.view_campaign", *names)
            assert ("As a member reads it" in text_of(client.get(page(campaign)))) is shown

    def test_writes_nothing(self, root, unit):
        campaign = a_campaign(unit)
        says(campaign)
        a_member(unit, "ada@example.com")
        root.get(page(campaign), {"as": "ada"})
        assert not Occurrence.objects.exists()


class TestWhatWasUsed:
    """Points and rewards alike: the page, the file and the rows say the same."""

    @pytest.fixture
    def unit(self):
        return points_club()

    def came(self, unit, number, **gives):
        """A campaign that came to so many members by now."""
        campaign = a_campaign(unit, "joined", **gives)
        people = members(unit, number)
        for member in people:
            told = {"program_id": unit.program_id, "member_id": member.pk, "occasion": "joined"}
            tell(**told, happened_at=TODAY, at=TODAY)
        assert a_night(TODAY) == number
        return campaign, people

    def file_of(self, client, campaign):
        answer = client.get(reverse("admin:loyalty_journeys_used", args=[campaign.pk]))
        return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))

    def test_of_rewards_is_what_stands_used_with_what_one_costs(self, root, unit):
        reward = a_reward(unit, "service")
        type(reward).objects.filter(pk=reward.pk).update(cost_minor=1_234)
        campaign, people = self.came(unit, 4, points=0, reward=reward)
        claims = list(Claim.objects.order_by("pk"))
        for claim in claims[:3]:
            fulfil(claim=ask_for(claim=claim, at=TODAY), actor="system", at=TODAY)
        not_fulfilled(claim=claims[2], actor="system", at=TODAY)
        told = text_of(root.get(page(campaign)))
        assert "Used something of it 2 What that cost €24.68 " in told
        lines = self.file_of(root, campaign)
        assert [line["Public id"] for line in lines] == [str(member.public_id) for member in people[:2]]
        assert {(line["Used"], line["Cost"], line["Currency"]) for line in lines} == {(reward.name, "12.34", "EUR")}
        assert Claim.objects.filter(state=Claim.State.USED).count() == len(lines)

    def test_of_rewards_of_which_nobody_said_what_one_costs_is_what_came_off(self, root, unit):
        campaign, [member] = self.came(unit, 1, points=0, reward=a_reward(unit, "off", amount=500))
        claim = Claim.objects.get()
        order = pay(put_on(member.user, a_basket(member.user, (a_product("A bowl"), 3)), claim))
        sync_orders(order_ids=[order.pk], at=TODAY)
        assert "Used something of it 1 What that cost €5.00 " in text_of(root.get(page(campaign)))
        assert [(line["Cost"], line["Currency"]) for line in self.file_of(root, campaign)] == [("5.00", "EUR")]
        order.set_status("Cancelled")
        sync_orders(order_ids=[order.pk], at=TODAY)
        assert fresh(claim).state == Claim.State.OPEN
        told = text_of(root.get(page(campaign)))
        assert "Used something of it 0 " in told and "What that cost" not in told and "CSV" not in told
        assert self.file_of(root, campaign) == []

    def test_of_points_is_what_did_not_come_back_at_what_it_buys(self, root, unit):
        campaign, people = self.came(unit, 4, points=50)
        holds = [
            spend(account_id=Account.objects.get(member=member).pk, points=n, origin="demo", because=WHY, at=TODAY)
            for member, n in zip(people, (50, 30, 20), strict=False)
        ]
        restore(
            hold_id=holds[2].pk,
            account_id=holds[2].account_id,
            points=20,
            key="demo:back",
            goods_returned=False,
            because=WHY,
            at=TODAY,
        )
        assert "Used something of it 2 What that cost €0.80 " in text_of(root.get(page(campaign)))
        lines = self.file_of(root, campaign)
        assert [(line["Used"], line["Cost"]) for line in lines] == [("50\xa0paws", "0.50"), ("30\xa0paws", "0.30")]

    def test_of_points_is_also_what_was_used_before_a_merge(self, root, unit):
        [stays] = members(unit, 1)
        campaign, [gone] = self.came(unit, 1, points=50)
        told = {"because": WHY, "at": TODAY}
        spend(account_id=Account.objects.get(member=gone).pk, points=30, origin="before", **told)
        merge(member=gone, into=stays, actor="staff:1", at=TODAY)
        assert "Used something of it 1 What that cost €0.30 " in text_of(root.get(page(campaign)))
        spend(account_id=Account.objects.get(member=stays).pk, points=10, origin="since", **told)
        assert "Used something of it 1 What that cost €0.40 " in text_of(root.get(page(campaign)))
        lines = self.file_of(root, campaign)
        assert [(line["Public id"], line["Used"]) for line in lines] == [(str(stays.public_id), "40\xa0paws")]

    def test_of_other_campaigns_is_theirs(self, root, unit):
        reward = a_reward(unit, "service")
        first, _people = self.came(unit, 1, points=0, reward=reward)
        for claim in Claim.objects.all():
            fulfil(claim=ask_for(claim=claim, at=TODAY), actor="system", at=TODAY)
        other, _people = self.came(unit, 1, points=0, reward=reward)
        assert [len(self.file_of(root, campaign)) for campaign in (first, other)] == [1, 0]

    def test_is_a_file_for_those_who_may_look_at_campaigns(self, staff, unit):
        campaign, _people = self.came(unit, 1, points=50)
        for names, status in (((), 403), (("loyalty_journeys.view_campaign",), 200)):
            _user, client = staff(*names)
            found = client.get(reverse("admin:loyalty_journeys_used", args=[campaign.pk]))
            assert found.status_code == status
        assert client.get(reverse("admin:loyalty_journeys_used", args=[campaign.pk + 1])).status_code == 404
