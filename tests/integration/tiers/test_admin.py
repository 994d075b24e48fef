"""Levels in the admin: the ladder with its levels, money typed as money, and levels given by hand."""

import re
from io import BytesIO

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms.models import model_to_dict
from django.test import Client
from django.urls import reverse
from PIL import Image

from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.program.hooks import data_exports, erasures
from loyalty_oscar.program.models import Event, Member, Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.words import why
from loyalty_oscar.shop.dashboard.permissions import loyalty_permissions
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.orders.sync import LOOK_AGAIN, sweep
from loyalty_oscar.shop.tiers import counting, jobs
from loyalty_oscar.shop.tiers.conditions import our_conditions
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import MemberFactory
from loyalty_oscar.tiers.forms import TierForm
from loyalty_oscar.tiers.models import GivenTier, Ladder, MemberPrice, Score, Standing, Tier
from tests.storefront import TODAY, a_club, a_product, a_user, buy, day, text_of

from .ladders import a_ladder, hand

pytestmark = pytest.mark.django_db
ADD = "admin:loyalty_tiers_ladder_add"
VIEW, GIVE = "view_member", "give_tier"


def staff(*codenames, superuser=False):
    user = a_user(f"staff-{'-'.join(codenames) or 'root'}@example.com")
    user.is_staff, user.is_superuser = True, superuser
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client, user


@pytest.fixture
def root():
    return staff(superuser=True)[0]


def form(*levels, program=None, **fields):
    """What the page of a ladder sends: levels as (id, rank, name, takes, percent)."""
    data = {
        "is_on": "on", "metric": "spend", "window": "calendar-year", "grace_days": "30",
        "tiers-TOTAL_FORMS": len(levels), "tiers-INITIAL_FORMS": sum(bool(level[0]) for level in levels),
        **({"program": program.pk} if program else {}), **fields,
    }  # fmt: skip
    for number, (pk, rank, name, takes, percent) in enumerate(levels):
        row = {
            "id": pk or "", "ladder": "", "rank": rank, "name": name, "code": name.lower(), "takes": takes,
            "percent": percent, "points": 0, "color": "#55636A", "names": "{}", "text": "",
        }  # fmt: skip
        data |= {f"tiers-{number}-{key}": value for key, value in row.items()}
    return data


def without_codes(unit, *names):
    """A ladder as somebody sends it who types names alone."""
    levels = [(None, rank, name, str(rank * 50), 100) for rank, name in enumerate(names, start=1)]
    codes = {f"tiers-{number}-code": "" for number in range(len(names))}
    return {**form(*levels, program=unit.program), **codes}


THREE = ((None, 1, "Bronze", "50", 100), (None, 2, "Silver", "150.00", 110), (None, 3, "Gold", "400.00", 120))


def saved(root, ladder, *levels, **fields):
    ids = dict(ladder.tiers.values_list("rank", "pk"))
    url = reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk])
    rows = [(ids.get(rank), rank, name, takes, percent) for _pk, rank, name, takes, percent in levels]
    with clock.at(TODAY):
        return root.post(url, form(*rows, **fields))


class TestALadder:
    def test_is_typed_as_money_and_stored_in_minor_units(self, root):
        unit = a_club()
        assert root.post(reverse(ADD), form(*THREE, program=unit.program)).status_code == 302
        assert list(Tier.objects.values_list("name", "threshold")) == [
            ("Bronze", 5_000), ("Silver", 15_000), ("Gold", 40_000),
        ]  # fmt: skip
        page = root.get(reverse("admin:loyalty_tiers_ladder_change", args=[Ladder.objects.get().pk]))
        assert 'value="150.00"' in page.content.decode()

    def test_makes_the_codes_of_its_levels_from_their_names(self, root):
        unit = a_club()
        assert root.post(reverse(ADD), without_codes(unit, "Bronze", "Großes Silber", "Gold")).status_code == 302
        assert list(Tier.objects.values_list("code", flat=True)) == ["bronze", "groes-silber", "gold"]

    @pytest.mark.parametrize(
        ("names", "said"),
        [(("Золото",), "None can be made from this name. Write one."), (("Gold", "gold"), "")],
    )
    def test_asks_for_a_code_where_names_give_none(self, root, names, said):
        page = root.post(reverse(ADD), without_codes(a_club(), *names))
        assert page.status_code == 200 and not Tier.objects.exists()
        assert said in text_of(page)

    def test_is_of_the_only_program_unless_another_is_chosen(self, root):
        unit = a_club()
        adds = ("tiers_ladder", "referrals_scheme", "journeys_campaign", "journeys_goal", "exclusives_sale")
        for name in (*adds, "program_segment"):
            asked = {"journeys_campaign": {"type": "review"}, "program_segment": {"type": "list"}}.get(name, {})
            page = root.get(reverse(f"admin:loyalty_{name}_add"), asked).content.decode()
            assert f'<option value="{unit.program_id}" selected>' in page, name

    def test_is_typed_in_whole_numbers_where_orders_count(self, root):
        unit = a_club()
        rows = ((None, 1, "Bronze", "1", 100), (None, 2, "Silver", "3", 110))
        root.post(reverse(ADD), form(*rows, program=unit.program, metric="orders"))
        assert list(Tier.objects.values_list("threshold", flat=True)) == [1, 3]

    def test_is_read_back_as_sentences(self, root):
        ladder = a_ladder()
        page = text_of(root.get(reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk])))
        assert (
            "Members climb by what is paid for goods, counted over a calendar year, kept to the end of the next: "
            "Bronze from €0.01; Silver from €150.00 (Paws: 10 % more); Gold from €400.00 (Paws: 20 % more). "
            "A level ends 30 days after its date, and only if that was announced." in page
        )

    def test_saved_counts_the_version_up_for_caches(self, root):
        ladder = a_ladder()
        before = Program.objects.get().version
        saved(root, ladder, *THREE)

        assert Program.objects.get().version > before

    def test_stands_on_the_page_of_its_program(self, root):
        a_ladder()
        page = text_of(root.get(reverse("admin:loyalty_program_program_change", args=[Program.objects.get().pk])))
        assert "Silver from €150.00 (Paws: 10 % more)" in page

    @pytest.mark.parametrize(
        ("levels", "metric", "said"),
        [
            ((THREE[0], (None, 2, "Silver", "50.00", 110)), "spend", "This must take more than Bronze below it."),
            ((THREE[0], (None, 3, "Gold", "400.00", 110)), "spend", "without a gap: this must be 2."),
            ((THREE[0], (None, 1, "Gold", "400.00", 110)), "spend", "Please correct the duplicate data for rank."),
            (((None, 1, "Bronze", "1.50", 100),), "orders", "Write a whole number."),
            (((None, 1, "Bronze", "-1", 100),), "spend", "greater than or equal to 0"),
            (((None, 1, "Bronze", "5", 99),), "spend", "greater than or equal to 100"),
        ],
    )
    def test_is_refused_with_what_is_wrong_and_nothing_is_saved(self, root, levels, metric, said):
        unit = a_club()
        page = root.post(reverse(ADD), form(*levels, program=unit.program, metric=metric))
        assert page.status_code == 200
        assert said in text_of(page)
        assert not Ladder.objects.exists() and not Tier.objects.exists()

    def test_has_a_name_in_each_language_of_the_shop_and_keeps_those_of_others(self, root):
        unit = a_club()
        data = form(*THREE, program=unit.program)
        page = root.post(reverse(ADD), data | {"tiers-1-name_de": "S" * 41})
        assert page.status_code == 200 and not Tier.objects.exists()
        assert root.post(reverse(ADD), data | {"tiers-1-name_de": " Silber "}).status_code == 302
        assert Tier.objects.get(rank=2).names == {"de": "Silber"}
        Tier.objects.filter(rank=2).update(names={"de": "Silber", "eo": "Arĝento"})
        ladder = Ladder.objects.get()
        assert saved(root, ladder, *THREE).status_code == 302
        assert Tier.objects.get(rank=2).names == {"eo": "Arĝento"}

    @pytest.mark.parametrize(
        ("name", "content"),
        [("x.html", b"<script>alert(1)</script>"), ("x.png", b"<script>alert(1)</script>"), ("x.svg", b"<svg/>")],
    )
    def test_has_a_picture_that_is_one_or_is_refused(self, name, content):
        ladder = a_ladder()
        silver = ladder.tiers.get(rank=2)
        data = {**model_to_dict(silver, exclude=["picture", "names"]), "takes": "1", "names": "{}"}
        refused = TierForm(data, {"picture": SimpleUploadedFile(name, content)}, instance=silver)
        refused.know(ladder, None)
        assert list(refused.errors) == ["picture"]
        drawn = BytesIO()
        Image.new("RGB", (1, 1)).save(drawn, "PNG")
        taken = TierForm(data, {"picture": SimpleUploadedFile("x.png", drawn.getvalue())}, instance=silver)
        taken.know(ladder, None)
        assert not taken.errors
        assert taken.cleaned_data["picture"].read() == drawn.getvalue()

    def test_makes_a_condition_for_each_level_among_oscars(self, root):
        unit = a_club()
        root.post(reverse(ADD), form(*THREE, program=unit.program))
        assert [int(row.value) for row in our_conditions()] == [1, 2, 3]

    def test_counts_orders_of_before(self, root):
        unit = a_club()
        buy(a_user(), (a_product("Bed", "200.00"), 1), on=day(5, 1))
        assert not Score.objects.exists()
        with clock.at(TODAY):
            root.post(reverse(ADD), form(*THREE, program=unit.program))
        assert OrderSync.objects.filter(is_dirty=True).count() == 1
        list(sweep(at=TODAY))
        assert Standing.objects.get(is_current=True).tier.name == "Silver"

    def test_that_gets_steeper_leaves_everybody_on_the_present_level(self, root):
        ladder = a_ladder()
        order = buy(a_user(), (a_product("Bed", "200.00"), 1), on=day(5, 1))
        rows = (*THREE[:1], (None, 2, "Silver", "300.00", 110), THREE[2])
        assert saved(root, ladder, *rows).status_code == 302
        OrderSync.objects.update(is_dirty=True, fingerprint=LOOK_AGAIN)
        list(sweep(at=TODAY))
        assert Standing.objects.get(is_current=True).tier.name == "Silver"
        assert Score.objects.get().order_id == order.pk

    def test_that_gets_easier_keeps_levels_that_a_return_can_take(self, root):
        ladder = a_ladder(bronze=5_000)
        buy(a_user(), (a_product("Bed", "200.00"), 1), on=day(5, 1))
        saved(root, ladder, THREE[0], (None, 2, "Silver", "140.00", 110), THREE[2])
        assert Standing.objects.get(is_current=True).is_counted

    def test_keeps_what_it_counts_and_the_number_of_a_level_once_members_stand_on_it(self, root):
        ladder = a_ladder()
        buy(a_user(), (a_product("Bed", "200.00"), 1), on=day(5, 1))
        assert saved(root, ladder, *THREE, metric="orders").status_code == 302
        ladder.refresh_from_db()
        assert ladder.metric == "spend"
        ids = dict(ladder.tiers.values_list("rank", "pk"))
        moved = [(ids[1], 1, *THREE[0][2:]), (ids[2], 4, *THREE[1][2:]), (ids[3], 3, *THREE[2][2:])]
        page = root.post(reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk]), form(*moved))
        assert "it stays number 2." in text_of(page)
        assert Tier.objects.get(code="silver").rank == 2

    def test_is_for_reading_to_those_who_may_only_look(self):
        ladder = a_ladder()
        client, _user = staff("view_ladder", "view_tier")
        url = reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk])
        assert client.get(url).status_code == 200
        assert client.post(url, form(*THREE)).status_code == 403
        assert Tier.objects.get(code="bronze").threshold == 1

    def test_can_not_be_deleted(self, root):
        ladder = a_ladder()
        assert root.post(reverse("admin:loyalty_tiers_ladder_delete", args=[ladder.pk])).status_code == 403
        assert Ladder.objects.exists()


class TestAPreview:
    def preview(self, root, *levels, url=None, **fields):
        with clock.at(TODAY):
            page = root.post(url or reverse(ADD), form(*levels, _preview="1", **fields))
        assert page.status_code == 200
        found = re.search(r'data-loyalty="levels-preview">([^<]*)<', page.content.decode())
        return found and found[1]

    @pytest.fixture
    def past(self):
        """Three buyers from before there were levels, and one whose order was cancelled."""
        unit, bed = a_club(), a_product("Bed", "100.00")
        for name, quantity in (("ann", 1), ("bea", 2), ("cem", 5)):
            buy(a_user(f"{name}@example.com"), (bed, quantity), on=day(5, 1))
        dead = buy(a_user("dan@example.com"), (bed, 9), on=day(5, 1))
        type(dead).objects.filter(pk=dead.pk).update(status="Cancelled")
        return unit

    def test_says_where_buyers_would_stand_and_saves_nothing(self, root, past):
        said = self.preview(root, *THREE, program=past.program)
        assert said == "By their orders would stand: Bronze: 1; Silver: 1; Gold: 1; no level: 1."
        assert not Ladder.objects.exists() and not Tier.objects.exists() and not Score.objects.exists()

    def test_looks_at_some_where_there_are_many(self, root, past, monkeypatch):
        monkeypatch.setattr(counting, "SAMPLE", 2)
        assert self.preview(root, *THREE, program=past.program).startswith("Of 2 buyers out of 4 would stand: ")

    def test_counts_what_has_counted_with_what_is_typed(self, root, past):
        ladder = a_ladder(unit=past)
        url = reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk])
        buy(a_user("eva@example.com"), (a_product("Bowl", "200.00"), 1), on=day(5, 2))
        ids = dict(ladder.tiers.values_list("rank", "pk"))
        rows = [(ids[rank], rank, name, takes, percent) for (_pk, rank, name, _takes, percent), takes in zip(
            THREE, ("50", "100.00", "200.00"), strict=True,
        )]  # fmt: skip
        said = self.preview(root, *rows, url=url)
        assert said == "By their orders would stand: Bronze: 0; Silver: 0; Gold: 1; no level: 0."
        assert Tier.objects.get(code="gold").threshold == 40_000

    def test_says_nothing_of_levels_that_are_wrong(self, root, past):
        assert self.preview(root, THREE[0], (None, 2, "Silver", "50.00", 110), program=past.program) is None
        assert not Ladder.objects.exists()


class TestANewLadder:
    """Whom orders of before lift is placed quietly; whom a later order lifts gets the letter."""

    def club(self, root, *, gift=0, **fields):
        unit, bed = a_club(), a_product("Bed", "200.00")
        old, new = a_user("old@example.com"), a_user("new@example.com")
        buy(old, (bed, 1), on=day(5, 1))
        data = form(*THREE, program=unit.program, **fields)
        data["tiers-1-points"] = gift
        with clock.at(TODAY):
            assert root.post(reverse(ADD), data).status_code == 302
        list(sweep(at=TODAY))
        return old, new, bed

    def letters(self):
        return list(Event.objects.filter(topic="tier-up").values_list("member__user__email", flat=True))

    def gifts(self):
        return list(Entry.objects.filter(key__endswith=":gift").values_list("account__member__user__email", flat=True))

    def test_places_members_without_a_letter_and_says_why(self, root):
        old, _new, _bed = self.club(root)
        standing = Standing.objects.get(is_current=True)
        assert (standing.member.user, standing.tier.name) == (old, "Silver")
        assert why(standing.because) == "Silver, by what was ordered before"
        assert self.letters() == []

    def test_writes_to_those_whom_a_later_order_lifts(self, root):
        old, new, bed = self.club(root)
        buy(new, (bed, 1), on=day(5, 7))
        buy(old, (bed, 1), on=day(5, 7))
        assert sorted(self.letters()) == ["new@example.com", "old@example.com"]
        assert sorted(Standing.objects.filter(is_current=True).values_list("tier__name", flat=True)) == [
            "Gold", "Silver",
        ]  # fmt: skip

    def test_gives_no_gift_for_the_past_and_one_for_a_later_order(self, root):
        _old, new, bed = self.club(root, gift=50)
        assert self.gifts() == []
        buy(new, (bed, 1), on=day(5, 7))
        assert self.gifts() == ["new@example.com"]

    def test_gives_the_gift_for_the_past_too_where_that_is_ticked(self, root):
        self.club(root, gift=50, gifts_past="on")
        assert self.gifts() == ["old@example.com"]
        assert self.letters() == []

    def test_that_takes_less_from_now_on_lifts_quietly_in_the_night(self, root):
        ladder = a_ladder(silver=30_000)
        buy(a_user(), (a_product("Bed", "200.00"), 1), on=day(5, 1))
        Event.objects.all().delete()
        saved(root, ladder, *THREE)
        list(jobs.run(day(5, 7)))
        assert Standing.objects.get(is_current=True).tier.name == "Silver"
        assert self.letters() == []

    def test_that_was_only_worded_anew_still_writes(self, root):
        ladder = a_ladder(bronze=5_000)
        buy(a_user(), (a_product("Bed", "200.00"), 1), on=day(5, 1))
        saved(root, ladder, *THREE, grace_days="20")
        ladder.refresh_from_db()
        assert ladder.set_at is None and self.letters() == ["boris@example.com"]

    def test_that_is_switched_on_again_counts_what_was_ordered_meanwhile_quietly(self, root):
        ladder, bed = a_ladder(bronze=5_000), a_product("Bed", "200.00")
        saved(root, ladder, *THREE, is_on="", is_meant="on")
        buy(a_user(), (bed, 1), on=day(5, 2))
        assert not Score.objects.exists()
        saved(root, ladder, *THREE)
        list(sweep(at=TODAY))
        assert Standing.objects.get(is_current=True).tier.name == "Silver"
        assert self.letters() == []


class TestMemberPrices:
    def test_are_added_for_a_level(self, root):
        a_ladder()
        before = Program.objects.get().version
        data = {
            "tier": Tier.objects.get(code="silver").pk, "percent": 12, "is_on": "on",
            "starts_at_0": "2026-05-01", "starts_at_1": "00:00:00",
        }  # fmt: skip
        assert root.post(reverse("admin:loyalty_tiers_memberprice_add"), data).status_code == 302
        assert MemberPrice.objects.get().percent == 12
        assert Program.objects.get().version == before + 1
        assert root.get(reverse("admin:loyalty_tiers_memberprice_changelist")).status_code == 200


@pytest.fixture
def member():
    a_ladder()
    buy(a_user(), (a_product("Bed", "200.00"), 1), on=day(3, 1))
    return Member.objects.get()


def give(client, member, **data):
    url = reverse("admin:loyalty_tiers_give", args=[member.pk])
    data = {"tier": Tier.objects.get(code="gold").pk, "reason": "Ten years", "last_day": "2026-12-24", **data}
    with clock.at(TODAY):
        return client.post(url, data)


class TestGivingALevel:
    def test_needs_a_permission_of_its_own(self, member):
        client, _user = staff(VIEW)
        assert give(client, member).status_code == 403
        assert not GivenTier.objects.exists()
        page = client.get(reverse("admin:loyalty_program_member_change", args=[member.pk])).content.decode()
        assert "Give a level" not in page

    def test_makes_a_dated_floor_with_reason_and_name_of_who_gave_it(self, member):
        client, user = staff(VIEW, GIVE)
        assert give(client, member).status_code == 302
        gift = GivenTier.objects.get()
        assert (gift.reason, gift.actor, gift.until.isoformat()) == (
            "Ten years", f"staff:{user.pk}", "2026-12-24T23:00:00+00:00",
        )  # fmt: skip
        page = text_of(client.get(reverse("admin:loyalty_program_member_change", args=[member.pk])))
        assert "Gold now 6 May 2026" in page and "Ten years" in page and "Take back" in page
        assert "Silver 1 March 2026" in page

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"reason": " "}, "This field is required."),
            ({"last_day": "2026-05-05"}, "This day is over."),
            ({"tier": "0"}, "Select a valid choice."),
        ],
    )
    def test_is_refused_without_reason_day_or_level(self, member, root, wrong, said):
        page = give(root, member, **wrong)
        assert page.status_code == 200 and said in text_of(page)
        assert not GivenTier.objects.exists()
        assert Standing.objects.get(is_current=True).tier.name == "Silver"

    def test_is_never_for_oneself(self, member):
        client, user = staff(VIEW, GIVE)
        own = Member.objects.create(program=member.program, user=user, joined_at=day(1, 1))
        assert give(client, own).status_code == 403
        merge(member=own, into=member, actor="staff:1", at=TODAY)
        assert give(client, member).status_code == 403
        assert not GivenTier.objects.exists()

    def test_is_taken_back_after_a_question(self, member, root):
        give(root, member)
        url = reverse("admin:loyalty_tiers_take", args=[GivenTier.objects.get().pk])
        with clock.at(day(5, 7)):
            assert "stands at once where the orders say" in text_of(root.get(url))
            assert Standing.objects.get(is_current=True).tier.name == "Gold"
            assert root.post(url).status_code == 302
        assert Standing.objects.get(is_current=True).tier.name == "Silver"

    def test_finds_nobody_where_there_are_no_levels(self, member, root):
        Ladder.objects.update(is_on=False)
        forget_cache()
        assert give(root, member).status_code == 404

    def test_is_among_the_permissions_of_a_manager(self):
        codes = set(loyalty_permissions().values_list("codename", flat=True))
        assert {GIVE, "change_ladder", "add_memberprice"} <= codes


class TestWhatAMemberTakesAlong:
    def test_has_levels_gifts_and_what_orders_count(self, member, root):
        give(root, member)
        found = data_exports.get("tiers")(member=member)
        assert [row["level"] for row in found["levels"]] == ["Silver", "Gold"]
        assert found["given"][0]["reason"] == "Ten years"
        assert found["orders"][0]["counts"] == 20_000

    def test_leaves_no_words_of_staff_behind(self, member, root):
        give(root, member)
        erasures.get("tiers")(member=member, at=TODAY)
        assert GivenTier.objects.get().reason == ""


class TestALevelThatSomebodyHas:
    """Deleted it would take a member's history along, so it stays, and the page says what to do instead."""

    def deleted(self, root, ladder):
        found = zip(ladder.tiers.order_by("rank"), ("0.01", "150.00", "400.00"), strict=True)
        rows = [(tier.pk, tier.rank, tier.name, takes, tier.percent) for tier, takes in found]
        data = form(*rows) | {"tiers-2-DELETE": "on"}
        return root.post(reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk]), data)

    @pytest.mark.parametrize(("count", "said"), [(1, "1 member has"), (2, "2 members have")])
    def test_stays_with_how_many_have_it(self, root, count, said):
        ladder = a_ladder()
        for number in range(count):
            member = MemberFactory(program=ladder.program, user=a_user(f"m{number}@example.com"), joined_at=TODAY)
            hand(ladder, member.user, 3, until=None, at=TODAY)
        page = text_of(self.deleted(root, ladder))
        assert f"“Gold” stays, because {said} this level or had it. Change its name and what it takes instead." in page
        assert "protected related objects" not in page
        assert ladder.tiers.count() == 3

    def test_stays_with_its_prices(self, root):
        ladder = a_ladder()
        MemberPrice.objects.create(tier=ladder.tiers.get(rank=3), percent=5, starts_at=TODAY)
        page = text_of(self.deleted(root, ladder))
        assert "“Gold” stays, because it has member prices. Delete those first." in page
        assert "protected related objects" not in page

    def test_goes_where_nobody_has_it(self, root):
        ladder = a_ladder()
        assert self.deleted(root, ladder).status_code == 302
        assert ladder.tiers.count() == 2


class TestALevelThatEarnsLess:
    LESS = ((None, 1, "Bronze", "0", 110), (None, 2, "Silver", "150.00", 105))
    SAID = "Members of Silver would earn 105 %, less than those of Bronze with 110 %."

    def test_is_asked_about_once(self, root):
        unit = a_club()
        page = root.post(reverse(ADD), form(*self.LESS, program=unit.program))
        assert self.SAID in text_of(page)
        assert not Ladder.objects.exists()
        data = form(*self.LESS, program=unit.program) | {"tiers-1-is_meant": "on"}
        assert root.post(reverse(ADD), data).status_code == 302
        ladder = Ladder.objects.get()
        assert saved(root, ladder, *self.LESS).status_code == 302
        assert "less than those of Bronze with 120 %" in text_of(
            saved(root, ladder, (None, 1, "Bronze", "0", 120), self.LESS[1])
        )

    @pytest.mark.parametrize("percent", [110, 111])
    def test_is_no_level_that_earns_as_much(self, root, percent):
        levels = (self.LESS[0], (None, 2, "Silver", "150.00", percent))
        assert root.post(reverse(ADD), form(*levels, program=a_club().program)).status_code == 302
