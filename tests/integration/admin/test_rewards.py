"""Rewards in the admin: set up and read back, a partner's codes, and the queue of what members asked for."""

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from oscar.apps.partner.strategy import UK
from oscar.core.loading import get_class

from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.program.models import Member, Reward, Unit
from loyalty_oscar.redemption.models import Claim, RewardCode
from loyalty_oscar.redemption.operations import CannotClaim, buy, fulfil, give_back, show_code
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import (
    CampaignFactory,
    GivenTierFactory,
    LadderFactory,
    MemberFactory,
    ProgramFactory,
    RewardFactory,
    SegmentFactory,
)
from loyalty_oscar.tiers.models import Tier
from tests.integration.ledger.books import assert_clean
from tests.storefront import TODAY, a_club_without_rules, a_product, text_of

from .test_saved_unchanged import Form

Selector = get_class("partner.strategy", "Selector")
ADD = reverse("admin:loyalty_program_reward_add")
LIST = reverse("admin:loyalty_redemption_claim_changelist")
FRONT = reverse("admin:app_list", args=["loyalty_program"])


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


@pytest.fixture
def member(unit):
    """A member with 2,000 points."""
    return MemberFactory(program=unit.program, points=2000, points__at=TODAY, points__expires_at=None)


def page(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def as_opened(client, address):
    """What a browser would send of a page as it is."""
    return Form(client.get(address).content.decode()).data


def add(client, kind="service", **fields):
    """Add a reward as a merchant would; returns the answer."""
    address = f"{ADD}?type={kind}"
    return client.post(address, {**as_opened(client, address), "name": "Grooming", "price": "500", **fields})


def change(client, reward, **fields):
    return client.post(page(reward), {**as_opened(client, page(reward)), **fields})


def errors(response):
    return {name: said[0] for name, said in response.context["adminform"].form.errors.items()}


def said(response):
    return [str(message) for message in response.context["messages"]]


def act(client, action, *claims, **more):
    """Choose claims in the list and do something to them."""
    return client.post(
        LIST, {"action": action, "_selected_action": [claim.pk for claim in claims], **more}, follow=True
    )


def ready(member):
    return Account.objects.get(member=member).available


class TestAReward:
    def test_is_set_up_by_its_kind_and_read_back(self, root, unit):
        kinds = text_of(root.get(ADD))
        assert "A service, given by your staff" in kinds and "A partner’s code, from a list" in kinds
        told = {
            "cost": "12.00",
            "is_meant": "on",
            "quota": "10",
            "per_member": "2",
            "valid_days": "30",
            "p_ask": "Which day?",
        }
        assert add(root, **told).status_code == 302
        reward = Reward.objects.get()
        stored = (reward.code, reward.kind, reward.params, reward.price, reward.cost_minor, reward.quota, reward.taken)
        assert stored == ("grooming", "service", {"ask": "Which day?"}, 500, 1200, 10, 0)

        text = text_of(root.get(page(reward)))
        assert (
            "500 paws: Grooming, 2 for each member, 0 of 10 taken, good for 30 days; one costs you €12.00,"
            " all so far €0.00." in text
        )
        assert "Members are asked: “Which day?”" in text
        assert "0 of 10 are taken." in text
        assert "500 paws: Grooming" in text_of(root.get(reverse("admin:loyalty_program_reward_changelist")))

    def test_reads_as_it_is_bought(self, root, unit, member):
        reward = RewardFactory(price=500, quota=10, cost_minor=1200, name="Grooming")
        claims = [buy(reward=reward, member=member, key=str(n), at=TODAY) for n in range(4)]
        give_back(claim=claims[0], note="by mistake", actor="staff:1", at=TODAY)
        text = text_of(root.get(page(reward)))
        assert "500 paws: Grooming, 3 of 10 taken; one costs you €12.00, all so far €36.00." in text
        assert 'max="10" value="3"' in root.get(page(reward)).content.decode()
        assert text_of(root.get(reverse("admin:loyalty_program_reward_changelist"))).count("all so far €36.00") == 1

    def test_of_a_level_says_who_can_reach_it(self, root, unit, member):
        LadderFactory(program=unit.program)
        gold = Tier.objects.get(rank=3)
        answer = add(root, rank="3")
        reward = Reward.objects.get()
        warning = f"Nobody stands on level {gold.name} or higher yet, so nobody can have it."
        assert warning in said(root.get(answer["Location"]))
        assert reward.rank == 3
        text = text_of(root.get(page(reward)))
        assert f"500 paws: Grooming, for members of level {gold.name}, 0 taken." in text
        assert f"Nobody below {gold.name} can have it; 0 members stand high enough." in text
        with pytest.raises(CannotClaim):
            buy(reward=reward, member=member, key="1", at=TODAY)

        GivenTierFactory(member=member, tier=gold, at=TODAY)
        text = text_of(root.get(page(reward)))
        assert f"Nobody below {gold.name} can have it; 1 member stands high enough." in text and warning not in text
        assert buy(reward=reward, member=member, key="2", at=TODAY + timedelta(seconds=1)).paid == 500

    def test_says_its_moments_as_they_count(self, root, unit, member):
        reward = RewardFactory(price=5, starts_at=TODAY, ends_at=TODAY + timedelta(hours=1))
        text = text_of(root.get(page(reward)))
        assert "from 6 May 2026" in text and "until 6 May 2026" in text
        buy(reward=reward, member=member, key="1", at=TODAY)
        with pytest.raises(CannotClaim):
            buy(reward=reward, member=member, key="2", at=reward.ends_at)

    def test_that_is_one_of_more_than_five_for_points_says_so(self, root, unit):
        for _number in range(5):
            RewardFactory()
        RewardFactory(price=None), RewardFactory(is_on=False)
        RewardFactory(ends_at=TODAY), RewardFactory(starts_at=TODAY + timedelta(days=1))  # Members see neither.
        warning = "There are 6 rewards in the catalogue. More than 5 are hard to choose from."
        reward = Reward.objects.first()
        assert warning not in text_of(root.get(page(reward)))
        assert warning in said(root.get(add(root)["Location"]))
        assert warning in text_of(root.get(page(reward)))

    @pytest.mark.parametrize(
        ("fields", "field", "says"),
        [
            ({"price": "0"}, "price", "greater than or equal to 1"),
            ({"price": "-5"}, "price", "greater than or equal to"),
            ({"price": "99999999999"}, "price", "more than can be stored"),
            ({"cost": "-1"}, "cost", "greater than or equal to 0"),
            ({"cost": "0.005"}, "cost", "2 decimal places"),
            ({"quota": "0"}, "quota", "greater than or equal to 1"),
            ({"quota": "2", "per_member": "3"}, "per_member", "fewer in all"),
            ({"valid_days": "4000"}, "valid_days", "less than or equal to"),
            ({"rank": "7"}, "rank", "valid choice"),
            ({"name": ""}, "name", "required"),
            ({"name": "服务"}, "code", "None can be made from this name"),
            ({"p_ask": "x" * 151}, "p_ask", "at most 150"),
            ({"ends_at_0": "2026-05-01", "ends_at_1": "10:00"}, "ends_at", "over already"),
            (
                {
                    "starts_at_0": "2026-05-08", "starts_at_1": "10:00",
                    "ends_at_0": "2026-05-07", "ends_at_1": "10:00",
                },
                "ends_at", "after it has begun",
            ),
        ],
    )  # fmt: skip
    def test_that_makes_no_sense_is_refused_at_the_field(self, root, unit, fields, field, says):
        found = errors(add(root, **fields))
        assert list(found) == [field]
        assert says in found[field]
        assert not Reward.objects.exists() and not LogEntry.objects.exists()

    def test_is_named_once(self, root, unit):
        add(root)
        for code in ("", "grooming"):
            assert errors(add(root, code=code)) == {
                "code": "There is a reward with this code already. Choose another code."
            }
        assert Reward.objects.count() == 1

    def test_that_costs_a_lot_is_asked_about_once(self, root, unit):
        assert "more than the usual €100.00 for a gift" in errors(add(root, cost="120"))["is_meant"]
        assert add(root, cost="120", is_meant="on").status_code == 302
        assert change(root, Reward.objects.get(), name="Other").status_code == 302
        assert Reward.objects.get().cost_minor == 12_000

    @pytest.mark.parametrize(
        ("kind", "fields", "asked"),
        [
            ("off", {"price": "1", "p_amount": "500.00"}, "pay what is worth €0.01, and get what is worth €500.00."),
            ("off", {"price": "500", "p_amount": "10.00"}, ""),
            ("off", {"price": "500", "p_amount": "10.01"}, "pay what is worth €5.00, and get what is worth €10.01."),
            ("off", {"price": "500", "p_percent": "100"}, "There is no limit to what one takes off."),
            ("off", {"price": "500", "p_percent": "100", "p_most": "5.00"}, ""),
            ("off", {"price": "", "p_percent": "25"}, ""),
            ("off", {"price": "", "p_percent": "26"}, "There is no limit to what one takes off."),
            ("off", {"price": "", "p_amount": "100.01"}, "One is worth €100.01, more than the usual €100.00"),
            ("off", {"price": "", "p_amount": "100.00"}, ""),
            ("delivery", {"price": "1"}, ""),
            ("delivery", {"price": ""}, ""),
            ("delivery", {"price": "1", "p_most": "4.90"}, "get what is worth €4.90."),
            ("product", {"price": "1", "p_pieces": "2"}, "get what is worth €39.80."),
            ("product", {"price": "3980", "p_pieces": "2"}, ""),
        ],
    )
    def test_that_gives_far_more_than_it_costs_members_is_asked_about(self, root, kind, fields, asked):
        club, bed = a_club_without_rules(), a_product("Dog bed", "19.90")
        if kind == "product":
            fields = {**fields, "p_products": [bed.pk]}
        answer = add(root, kind, program=club.program_id, **fields)
        if asked:
            assert list(errors(answer)) == ["is_meant"]
            assert asked in errors(answer)["is_meant"]
            answer = add(root, kind, program=club.program_id, is_meant="on", **fields)
        assert answer.status_code == 302
        reward = Reward.objects.get()
        assert change(root, reward, name="Other").status_code == 302
        if fields["price"] == "500" and asked:
            assert list(errors(change(root, reward, price="499"))) == ["is_meant"]
            assert change(root, reward, price="501").status_code == 302

    def test_of_a_product_is_worth_what_the_shop_shows(self, root, monkeypatch):
        monkeypatch.setattr(Selector, "strategy", lambda self, request=None, user=None, **more: UK(request))
        club, bed = a_club_without_rules(), a_product("Dog bed", "20.00")
        fields = {"program": club.program_id, "p_products": [bed.pk], "p_pieces": "2"}
        assert "get what is worth €48.00." in errors(add(root, "product", price="2399", **fields))["is_meant"]
        assert add(root, "product", price="2400", **fields).status_code == 302

    def test_takes_no_quota_below_what_is_taken(self, root, unit, member):
        reward = RewardFactory(price=5, quota=10)
        for number in range(3):
            buy(reward=reward, member=member, key=str(number), at=TODAY)
        assert errors(change(root, reward, quota="2")) == {"quota": "3 are taken already. Write that or more."}
        assert change(root, reward, quota="3").status_code == 302
        reward.refresh_from_db()
        assert (reward.quota, reward.taken) == (3, 3)

    def test_keeps_count_of_what_is_bought_while_its_page_is_open(self, root, unit, member):
        reward = RewardFactory(price=5, quota=10)
        data = as_opened(root, page(reward))
        save = Reward.save

        def meanwhile(row, **told):
            """Somebody buys one after the page was read and before it is saved."""
            buy(reward=reward, member=member, key="1", at=TODAY)
            save(row, **told)

        with patch.object(Reward, "save", meanwhile):
            assert root.post(page(reward), {**data, "name": "Other", "quota": "9"}).status_code == 302
        reward.refresh_from_db()
        assert (reward.name, reward.quota, reward.taken) == ("Other", 9, 1)

    def test_stays_what_it_is_once_somebody_has_it(self, root, unit, member):
        reward = RewardFactory(price=5, params={"ask": "Which day?"})
        assert change(root, reward, p_ask="When?").status_code == 302
        claim = buy(reward=reward, member=member, key="1", at=TODAY)
        text = text_of(root.get(page(reward)))
        assert (
            "Somebody has it or is promised it, so it stays what it is." in text
            and "Members are asked: “When?”" in text
        )
        assert change(root, reward, name="Other", kind="code").status_code == 302
        answer = change(root, reward, p_ask="Typed before somebody took it")
        assert errors(answer) == {"p_ask": "Somebody took it meanwhile, so this stays as it was."}
        reward.refresh_from_db()
        assert (reward.name, reward.kind, reward.params) == ("Other", "service", {"ask": "When?"})

        delete = reverse("admin:loyalty_program_reward_delete", args=[reward.pk])
        give_back(claim=claim, note="why", actor="staff:1", at=TODAY)
        assert root.post(delete, {"post": "yes"}).status_code == 403
        claim.delete()
        assert root.post(delete, {"post": "yes"}).status_code == 302
        assert not Reward.objects.exists()

    def test_is_priced_as_money_where_points_are_money(self, root, unit):
        Unit.objects.update(is_money=True)
        add(root, price="7.50")
        reward = Reward.objects.get()
        assert reward.price == 750
        assert "€7.50: Grooming, 0 taken." in text_of(root.get(page(reward)))
        assert list(errors(add(root, price="0", code="other"))) == ["price"]

    def test_tells_in_its_history_what_one_cost(self, root, unit):
        reward = RewardFactory(cost_minor=1200)
        change(root, reward, cost="15.00", is_meant="on")
        assert "One costs you: €12.00 → €15.00" in LogEntry.objects.get().get_change_message()

    def test_takes_levels_and_lists_of_its_own_program_alone(self, root, unit):
        other = ProgramFactory(code="other", is_default=False)
        LadderFactory(program=other)
        segment = SegmentFactory(program=other)
        told = {"program": unit.program_id, "rank": "1", "segment": segment.pk}
        assert set(errors(add(root, **told))) == {"rank", "segment"}
        assert add(root, **{**told, "program": other.pk}).status_code == 302

    def test_of_a_kind_whose_app_has_left_still_opens(self, root, unit):
        reward = RewardFactory(kind="gone", params={"x": 1})
        assert change(root, reward, name="Other").status_code == 302
        reward.refresh_from_db()
        assert (reward.name, reward.params) == ("Other", {"x": 1})

    def test_is_read_by_who_may_only_look(self, staff, unit):
        LadderFactory(program=unit.program)
        reward = RewardFactory(price=500, rank=2, cost_minor=1200, params={"ask": "Which day?"})
        _user, client = staff("loyalty_program.view_reward")
        text = text_of(client.get(page(reward)))
        for one in ("500 paws", "€12.00", Tier.objects.get(rank=2).name, "Members are asked: “Which day?”"):
            assert one in text
        assert client.post(page(reward), {"name": "Other"}).status_code == 403
        assert client.get(ADD).status_code == 403

    def test_is_changed_by_who_may_only_change(self, staff, unit):
        reward = RewardFactory()
        _user, client = staff("loyalty_program.change_reward")
        assert change(client, reward, name="Other").status_code == 302
        assert client.get(ADD).status_code == 403


class TestCodesOfAPartner:
    def test_are_added_one_a_line_and_what_is_left_out_is_told(self, root, unit):
        answer = add(root, "code", codes="SPA-1\r\nSPA-2\r\n\r\n SPA-1 \r\nspa-1\r\n", p_where="At the spa")
        assert said(root.get(answer["Location"]))[:3] == [
            "3 codes were added.",
            "1 line was left out, because its code is in the list already: SPA-1.",
            "1 empty line was left out.",
        ]
        assert [*RewardCode.objects.order_by("pk").values_list("code", flat=True)] == ["SPA-1", "SPA-2", "spa-1"]
        reward = Reward.objects.get()
        assert "0 of 3 codes are given." in text_of(root.get(page(reward)))

    def test_come_from_a_file(self, root, unit, member):
        reward = RewardFactory(price=5, codes=["SPA-1"])
        show_code(claim=buy(reward=reward, member=member, key="1", at=TODAY), at=TODAY)
        assert "No code is left" in text_of(root.get(page(reward)))
        file = SimpleUploadedFile("codes.txt", "\ufeffSPA-1\nSPA-2\n".encode())
        assert change(root, reward, codes_file=file).status_code == 302
        assert sorted(RewardCode.objects.values_list("code", flat=True)) == ["SPA-1", "SPA-2"]
        assert "1 of 2 codes are given." in text_of(root.get(page(reward)))
        assert "SPA" not in LogEntry.objects.get().get_change_message()

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"SPA-1\n" + b"x" * 101, "Line 2 is no code"),
            (b"SPA-1\nSPA\x00", "Line 2 is no code"),
            (b"\xff\xfe\x00", "no text file"),
            (b"x" * 5_000_001, "too large"),
        ],
    )
    def test_that_are_none_are_refused_and_none_is_added(self, root, unit, content, says):
        reward = RewardFactory(codes=[])
        assert says in errors(change(root, reward, codes_file=SimpleUploadedFile("codes.txt", content)))["codes_file"]
        assert not RewardCode.objects.exists()

    def test_typed_too_long_stand_there_again(self, root, unit):
        reward = RewardFactory(codes=[])
        answer = change(root, reward, codes="SPA-1\r\n" + "x" * 101)
        assert errors(answer)["codes"] == "Line 2 is no code: a code has at most 100 letters."
        assert "SPA-1" in answer.content.decode() and not RewardCode.objects.exists()


class TestTheQueue:
    @pytest.fixture
    def grooming(self, unit):
        return RewardFactory(price=500, name="Grooming", params={"ask": "Which day?"})

    def test_shows_what_waits_first_and_the_oldest_first(self, root, unit, member, grooming):
        claims = [
            buy(reward=grooming, member=member, key=str(n), at=TODAY + timedelta(minutes=n), text=f"Day {n}")
            for n in range(4)
        ]
        fulfil(claim=claims[0], actor="staff:1", at=TODAY)
        found = root.get(LIST).context["cl"].result_list
        assert [claim.pk for claim in found] == [claims[n].pk for n in (1, 2, 3, 0)]
        text = text_of(root.get(LIST))
        assert "Day 1" in text and "500 paws" in text

    def test_finds_by_person_and_reward_and_is_narrowed(self, root, unit, member, grooming):
        other = MemberFactory(program=unit.program, points=500, points__at=TODAY, points__expires_at=None)
        claims = [buy(reward=grooming, member=one, key="1", at=TODAY) for one in (member, other)]
        for asked, count in ((member.user.email, 1), ("groom", 2), ("nobody", 0)):
            assert root.get(LIST, {"q": asked}).context["cl"].result_count == count
        fulfil(claim=claims[0], actor="staff:1", at=TODAY)
        for narrowed, count in (({"state__exact": "asked"}, 1), ({"reward__id__exact": grooming.pk}, 2)):
            assert root.get(LIST, narrowed).context["cl"].result_count == count

    def test_is_handed_out_after_a_look_and_undone(self, root, unit, member, grooming):
        claims = [buy(reward=grooming, member=member, key=str(n), at=TODAY) for n in range(2)]
        fulfil(claim=claims[1], actor="staff:1", at=TODAY)
        text = text_of(act(root, "hand_out", *claims))
        assert "1 reward is marked as handed out." in text and "1 more stays as it is." in text
        claims[0].refresh_from_db()
        assert claims[0].state == "asked"
        assert said(act(root, "hand_out", *claims, confirmed="yes")) == ["1 is done."]
        claims[0].refresh_from_db()
        assert claims[0].state == "used"
        step = claims[0].steps.last()
        assert step.actor.startswith("staff:")
        assert "staff0@example.com" in text_of(root.get(page(claims[0])))

        assert "2 rewards wait to be handed out again." in text_of(act(root, "not_handed_out", *claims))
        assert said(act(root, "not_handed_out", *claims, confirmed="yes")) == ["2 are done."]
        assert set(Claim.objects.values_list("state", flat=True)) == {"asked"}
        assert said(act(root, "not_handed_out", *claims)) == ["Nothing of that is open to what you chose."]

    def test_is_given_back_for_a_reason_and_says_first_how_much(self, root, unit, member, grooming):
        other = MemberFactory(program=unit.program, points=500, points__at=TODAY, points__expires_at=None)
        claims = [buy(reward=grooming, member=one, key=key, at=TODAY) for key, one in
                  (("1", member), ("2", member), ("3", other))]  # fmt: skip
        gift = Claim.objects.create(reward=grooming, member=other, key="gift", got_at=TODAY)
        text = text_of(act(root, "give_back", *claims, gift))
        assert "2 members get 1,500 paws back." in text and "1 gift is taken back; nobody paid for it." in text
        text = text_of(act(root, "give_back", *claims, gift, confirmed="yes", note=" "))
        assert "This field is required." in text
        assert (ready(member), ready(other)) == (1000, 0)

        assert said(act(root, "give_back", *claims, gift, confirmed="yes", note="The groomer is ill")) == [
            "4 are done."
        ]
        assert (ready(member), ready(other)) == (2000, 500)
        text = text_of(root.get(page(claims[0])))
        assert "The groomer is ill" in text and "staff0@example.com" in text
        grooming.refresh_from_db()
        assert grooming.taken == 0
        assert_clean()

    def test_lets_one_that_fails_stop_no_other(self, root, unit, member, grooming):
        claims = [buy(reward=grooming, member=member, key=str(n), at=TODAY) for n in range(3)]

        def failing(*, claim, **told):
            if claim.pk == claims[1].pk:
                raise NotAllowed("somebody was faster")
            return fulfil(claim=claim, **told)

        with patch("loyalty_oscar.redemption.admin.claims.fulfil", failing):
            found = said(act(root, "hand_out", *claims, confirmed="yes"))
        assert found[0].startswith("“Grooming” of ") and found[0].endswith(
            "stays as it is: asked for (somebody was faster)."
        )
        assert found[1:] == ["2 are done."]

    def test_takes_no_more_at_once_than_a_form_can_hold(self, root, unit, member, grooming):
        claims = [buy(reward=grooming, member=member, key=str(n), at=TODAY) for n in range(2)]
        with patch("loyalty_oscar.program.admin.AT_ONCE", 1):
            assert said(act(root, "hand_out", *claims)) == ["Choose at most 1 at once."]
            assert "is marked as handed out" in text_of(act(root, "hand_out", claims[0]))

    @pytest.mark.parametrize("action", ["hand_out", "not_handed_out", "give_back"])
    def test_is_changed_by_who_may_hand_out_alone(self, staff, unit, member, grooming, action):
        claim = buy(reward=grooming, member=member, key="1", at=TODAY)
        if action == "not_handed_out":
            fulfil(claim=claim, actor="staff:1", at=TODAY)
        claim.refresh_from_db()
        before = claim.state
        _user, client = staff("loyalty_redemption.view_claim")
        assert '<form method="post" action="' + LIST not in client.get(page(claim)).content.decode()
        act(client, action, claim, confirmed="yes", note="why")
        claim.refresh_from_db()
        assert claim.state == before
        _user, client = staff("loyalty_redemption.fulfil_claim")
        assert f'value="{action}"' in client.get(page(claim)).content.decode()
        act(client, action, claim, confirmed="yes", note="why")
        claim.refresh_from_db()
        assert claim.state != before
        assert client.post(page(claim), {"state": "used"}).status_code == 403

    @pytest.mark.parametrize("action", ["not_handed_out", "give_back"])
    @pytest.mark.parametrize("is_other_login", [False, True])
    def test_brings_nobody_of_staff_anything_of_their_own(self, staff, unit, member, grooming, action, is_other_login):
        user, client = staff("loyalty_redemption.fulfil_claim")
        if is_other_login:
            merge(member=MemberFactory(program=unit.program, user=user), into=member, actor="staff:1", at=TODAY)
        else:
            Member.objects.filter(pk=member.pk).update(user=user)
        claim = buy(reward=grooming, member=member, key="1", at=TODAY)
        if action == "not_handed_out":
            fulfil(claim=claim, actor="staff:1", at=TODAY)
        assert f'value="{action}"' not in client.get(page(claim)).content.decode()
        assert said(act(client, action, claim)) == ["Nothing of that is open to what you chose."]
        act(client, action, claim, confirmed="yes", note="why")
        assert (Claim.objects.get().state, ready(member)) == ("used" if action == "not_handed_out" else "asked", 1500)

    def test_is_taken_along_as_a_file(self, root, unit, member, grooming):
        claim = buy(reward=grooming, member=member, key="1", at=TODAY, text="=1+1")
        answer = act(root, "download", claim)
        lines = b"".join(answer.streaming_content).decode().splitlines()
        assert (
            len(lines) == 2 and lines[1].startswith("Grooming,") and "'=1+1" in lines[1] and lines[1].endswith(",500")
        )

    def test_stands_on_the_front_page_while_somebody_waits(self, root, staff, unit, member, grooming):
        link = f"{LIST}?state__exact=asked"
        assert reverse("admin:loyalty_program_reward_changelist") in root.get(FRONT).content.decode()
        assert link not in root.get(FRONT).content.decode()
        claim = buy(reward=grooming, member=member, key="1", at=TODAY)
        html = root.get(FRONT).content.decode()
        assert "1 reward waits to be handed out." in html and link in html
        _user, clerk = staff("loyalty_redemption.fulfil_claim", "loyalty_ledger.view_account")
        assert link in clerk.get(FRONT).content.decode()
        fulfil(claim=claim, actor="staff:1", at=TODAY)
        assert link not in root.get(FRONT).content.decode()

    def test_asks_as_much_of_many_as_of_few(self, root, unit, grooming, django_assert_max_num_queries):
        for number in range(12):
            member = MemberFactory(program=unit.program)
            Claim.objects.create(reward=grooming, member=member, key=str(number), state="asked", got_at=TODAY)
            RewardFactory(cost_minor=5, codes=["A"])
        for address in (LIST, reverse("admin:loyalty_program_reward_changelist")):
            root.get(address)
            with django_assert_max_num_queries(11):
                root.get(address)


class TestWhatIsTicked:
    @pytest.mark.parametrize("ticked", ["x", "🇩🇪", "-1", "1.5", "9" * 19, " 1", "²"])
    def test_that_no_key_can_be_is_no_row(self, root, unit, member, ticked):
        claim = buy(reward=RewardFactory(program=unit.program, price=5), member=member, key="1", at=TODAY)
        address = reverse("admin:loyalty_redemption_claim_changelist")
        data = {"action": "hand_out", "_selected_action": [str(claim.pk), ticked], "confirmed": "yes"}
        assert "Nothing was done." in root.post(address, data, follow=True).content.decode()
        claim.refresh_from_db()
        assert claim.state == "asked"


class TestARewardThatNobodyHad:
    def test_is_deleted_with_its_codes(self, root, unit):
        reward = RewardFactory(program=unit.program, codes=["SPA-1", "SPA-2"])
        root.post(reverse("admin:loyalty_program_reward_delete", args=[reward.pk]), {"post": "yes"})
        assert not Reward.objects.exists()

    def test_is_neither_deleted_nor_changed_once_a_campaign_promises_it(self, root, unit):
        reward = RewardFactory(program=unit.program, params={"ask": "Which day?"})
        page = reverse("admin:loyalty_program_reward_change", args=[reward.pk])
        assert 'name="p_ask"' in root.get(page).content.decode()
        CampaignFactory(program=unit.program, points=0, reward=reward)
        assert 'name="p_ask"' not in root.get(page).content.decode()
        root.post(reverse("admin:loyalty_program_reward_delete", args=[reward.pk]), {"post": "yes"})
        assert Reward.objects.get() == reward
