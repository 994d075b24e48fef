"""The factories for tests: what they make stands as the suite itself makes it, and each works where its feature is."""

import subprocess
import sys
from datetime import timedelta
from inspect import isclass

import pytest
from django.contrib.sites.models import Site
from factory.errors import UnsupportedStrategy
from oscar.test.factories import UserFactory, create_product

from loyalty_oscar.earning.models import Rule
from loyalty_oscar.exclusives.models import QuotaCounter
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.queries import unit_for_site
from loyalty_oscar.program.segments import members_of
from loyalty_oscar.testing import clock, factories
from loyalty_oscar.tiers.models import Standing
from tests.docs import ROOT
from tests.integration.ledger.books import assert_clean, balance
from tests.orders import place
from tests.points import on, reload
from tests.projects.shop import in_memory

pytestmark = pytest.mark.django_db
EVERY = sorted(factories.__all__)


def in_a_process(code, **environment):
    """What a fresh Python prints that runs this code in the full shop of the install matrix, and its last error."""
    command = [sys.executable, "-W", "ignore", "-c", f"import django; django.setup()\n{code}"]
    done = subprocess.run(command, cwd=ROOT, env=in_memory(**environment), capture_output=True, text=True, check=False)
    return done.stdout, done.stderr.strip().splitlines()[-1:]


class TestEveryFactory:
    @pytest.mark.parametrize("name", EVERY)
    def test_makes_a_row_that_its_model_finds_right(self, name):
        row = getattr(factories, name)()
        assert type(row)._default_manager.get(pk=row.pk) == row
        # What is not filled in yet is no form's business.
        empty = [field.name for field in row._meta.fields if getattr(row, field.attname) in (None, "", [], {})]
        assert row.clean_fields(exclude=empty) is None
        assert_clean()

    @pytest.mark.parametrize("name", EVERY)
    def test_makes_a_second_beside_the_first(self, name):
        make, once = getattr(factories, name), {"SchemeFactory", "UseTermsFactory"}
        first, second = make(), make(**{"program__code": "cats"} if name == "LadderFactory" else {})
        assert (first == second) == (name in once)

    def test_is_exported_with_a_sentence_about_it(self):
        there = {name for name, thing in vars(factories).items() if isclass(thing) and name.endswith("Factory")}
        assert there == set(factories.__all__)
        assert [name for name in there if not getattr(factories, name).__doc__] == []
        assert set(factories.FEATURES) == {"earning", "redemption", "tiers", "referrals", "exclusives", "journeys"}
        assert {name for names in factories.FEATURES.values() for name in names} <= there

    @pytest.mark.parametrize("name", ["MemberFactory", "LotFactory", "RuleFactory"])
    def test_that_posts_refuses_to_build(self, name):
        with pytest.raises(UnsupportedStrategy, match="can create, not build"):
            getattr(factories, name).build()


class TestAProgram:
    def test_is_live_and_the_default_and_serves_its_sites(self):
        first = factories.ProgramFactory(hold_days=3)
        other = factories.ProgramFactory(sites=[Site.objects.get_current()])
        assert (first.state, first.is_default, first.hold_days) == ("live", True, 3)
        assert (other.state, other.is_default) == ("live", False)
        assert unit_for_site(site_id=Site.objects.get_current().pk) == other.unit

    def test_earns_since_it_is_live(self, django_capture_on_commit_callbacks):
        since = clock.now() - timedelta(days=90)
        factories.ProgramFactory(live__at=since, rule__points=3, unit__names={"en": {"other": "bones"}})
        user = UserFactory()
        with django_capture_on_commit_callbacks(execute=True):
            place(user=user, lines=[("10.00", 2)])
        assert Program.objects.get().earns_from == Rule.objects.get().versions.get().valid_from == since
        assert Program.objects.get().unit.names == {"en": {"other": "bones"}}
        assert balance(Account.objects.get(member__user=user)) == (0, 60, 0, 0)

    @pytest.mark.parametrize("state", ["paused", "closing"])
    def test_may_stand_in_another_state(self, state):
        assert factories.ProgramFactory(**{state: True}).state == state

    def test_can_do_without_its_parts(self):
        program = factories.ProgramFactory(rule=None, worth=None, live=None)
        assert program.state == "draft"
        assert (program.rules.count(), program.worths.count(), program.phases.count()) == (0, 0, 0)

    def test_has_rules_of_other_types(self):
        double = factories.RuleFactory(double=True)
        first = factories.RuleFactory(first_order=True, points=70)
        assert [(rule.type, rule.versions.get().params) for rule in (double, first)] == [
            ("multiplier", {"percent": 200}),
            ("first-order", {"points": 70}),
        ]


class TestAMember:
    def test_is_of_the_default_program_and_only_of_another_that_is_named(self):
        one, two = factories.MemberFactory(), factories.MemberFactory()
        elsewhere = factories.MemberFactory(program__code="cats")
        assert one.program == two.program != elsewhere.program
        assert Program.objects.count() == 2

    def test_may_be_somebody_who_is_there(self):
        user = UserFactory()
        assert factories.MemberFactory(user=user).user_id == user.pk
        assert Member.objects.count() == 1

    def test_has_points_that_were_posted(self):
        member = factories.MemberFactory(points=500)
        factories.LotFactory(account__member=member, points=40, on_the_way=True)
        account = Account.objects.get(member=member)
        assert balance(account) == (500, 40, 0, 0)
        assert Entry.objects.filter(account=account).count() == 2
        assert account.lots.get(granted=500).expires_at > clock.now()
        assert_clean()

    def test_has_an_account_that_says_what_is_in_it(self):
        account = factories.AccountFactory(points=30, points__for_ever=True)
        assert (account.available, account.lots.get().expires_at) == (30, None)


class TestPointsSetAside:
    def test_lower_the_price_of_the_basket(self):
        account = factories.AccountFactory(points=1_000)
        redemption = factories.RedemptionFactory(account=account, points=700)
        assert on(reload(account.member.user, redemption.basket)) == (700, 93)
        assert (account.available, account.reserved) == (300, 700)
        assert_clean()

    def test_may_not_pay_for_some_products(self):
        cards = factories.ProductSetFactory(products=[create_product()])
        assert list(factories.UseTermsFactory(excluded_sets=[cards]).excluded_sets.all()) == [cards]


class TestALadder:
    def test_has_levels_to_one_s_taste(self):
        ladder = factories.LadderFactory(bronze=None, silver__threshold=5_000, gold__percent=300)
        factories.TierFactory(ladder=ladder, name="Ruby", rank=4)
        rows = ladder.tiers.order_by("rank").values_list("code", "threshold", "percent")
        assert list(rows) == [("silver", 5_000, 110), ("gold", 40_000, 300), ("ruby", 40_000, 100)]
        assert factories.LadderFactory(empty=True, program__code="cats").tiers.count() == 0

    def test_holds_whoever_is_given_a_level(self):
        member = factories.MemberFactory()
        silver = factories.LadderFactory().tiers.get(code="silver")
        factories.GivenTierFactory(member=member, tier=silver)
        assert Standing.objects.get(member=member, is_current=True).tier == silver


class TestFriends:
    def test_come_by_a_code_once(self):
        referral = factories.ReferralFactory(scheme__giver_points=9)
        assert (referral.giver_points, referral.state) == (9, "invited")
        with pytest.raises(LoyaltyError, match="can't bring"):
            factories.ReferralFactory(giver=referral.giver, user=referral.newcomer.user)


class TestSegmentsAndProductSets:
    def test_hold_what_they_are_given(self):
        member, bed = factories.MemberFactory(), create_product()
        named = factories.ProductSetFactory(code="dog-beds", products=[bed])
        assert members_of(segment=factories.SegmentFactory(members=[member])) == {member.pk}
        assert (named.name, list(named.tie.range.all_products())) == ("Dog beds", [bed])
        every = factories.ProductSetFactory(tie__range__includes_all_products=True)
        assert every.tie.range.includes_all_products
        assert not hasattr(factories.ProductSetFactory(tie=None), "tie")


class TestCampaigns:
    def test_are_about_what_they_say(self):
        made = [factories.CampaignFactory(), factories.CampaignFactory(birthday=True)]
        made += [factories.CampaignFactory(review=True, points=5), factories.CampaignFactory(word="Leipzig 26")]
        assert [campaign.occasion for campaign in made] == ["sign-up", "birthday", "review", "word"]
        assert made[-1].word == "leipzig26"


class TestASale:
    def test_is_open_to_members_before_the_others(self):
        sale = factories.SaleFactory(door__rank=3, quota=5)
        hidden = factories.SaleFactory(hidden=True, door=None, public=True)
        assert sale.doors.get().rank == 3
        assert (QuotaCounter.objects.get(sale=sale).quota, sale.public_from > clock.now()) == (5, True)
        assert (hidden.mode, hidden.doors.count(), hidden.public_from < clock.now()) == ("hide", 0, True)


class TestFactoriesOfAFeatureThatIsNotInstalled:
    @pytest.mark.parametrize("feature", factories.FEATURES)
    def test_are_the_only_ones_that_miss_and_say_of_what_they_are(self, feature):
        name = factories.FEATURES[feature][0]
        code = (
            "import loyalty_oscar.testing.factories as f\nprint(*f.__all__, sep=',')\n"
            f"from loyalty_oscar.testing.factories import {name}"
        )
        out, error = in_a_process(code, LOYALTY_WITHOUT=f"loyalty_oscar.{feature}")
        assert set(out.strip().split(",")) == set(factories.__all__) - set(factories.FEATURES[feature])
        assert error == [f"ImportError: {name} needs loyalty_oscar.{feature} in INSTALLED_APPS"]

    def test_are_missed_in_one_sentence_where_factory_boy_is(self):
        without = "import sys; sys.modules['factory'] = sys.modules['pytest'] = None\n"
        code = f"{without}from loyalty_oscar.testing import a_program, purge; print(a_program.__name__, purge.__name__)"
        out, error = in_a_process(f"{code}\nimport loyalty_oscar.testing.factories")
        assert out == "a_program purge\n"
        assert error == [
            'ImportError: loyalty_oscar.testing.factories needs factory_boy: pip install "loyalty-oscar[testing]"'
        ]
