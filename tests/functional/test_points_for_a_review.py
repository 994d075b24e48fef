"""A review from the form to the points: written by a buyer, approved by staff, shown as rewarded, rejected again."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.testing import clock
from tests.integration.journeys.deeds import a_campaign
from tests.storefront import TODAY, a_club, a_product, a_user, arrive, buy, day, numbers, text_of

pytestmark = pytest.mark.django_db
Review = get_model("reviews", "ProductReview")


@pytest.fixture
def send(django_capture_on_commit_callbacks):
    """Send a form, and do what comes after the commit."""

    def sent(client, address, data):
        with clock.at(TODAY), django_capture_on_commit_callbacks(execute=True):
            return client.post(address, data, follow=True)

    return sent


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


class TestAReviewInTheShop:
    @pytest.fixture
    def product(self):
        a_campaign(a_club())
        return a_product()

    @pytest.fixture
    def buyer(self, product):
        buyer = a_user()
        arrive(buy(buyer, (product, 1), on=day(3, 1)), on=day(3, 4))
        return signed_in(buyer)

    def write(self, send, client, product):
        about = {"title": "Gone in a day", "body": "All of it", "score": "2"}
        send(client, reverse("catalogue:reviews-add", args=[product.slug, product.pk]), about)
        Review.objects.update(date_created=TODAY)
        return Review.objects.get()

    def decide(self, send, review, status):
        """Staff's decision, in bulk as the dashboard's list has it."""
        staff = get_user_model().objects.filter(is_staff=True).first() or get_user_model().objects.create_superuser(
            "staff", "staff@example.com", "x"
        )
        data = {"action": "update_selected_review_status", "selected_review": [review.pk], "status": status}
        return send(signed_in(staff), reverse("dashboard:reviews-list"), data)

    def ready(self, client):
        return numbers(client.get(reverse("loyalty:overview")), "available")[-1]

    def test_brings_its_points_once_staff_approved_it_and_loses_them_with_it(self, settings, send, product, buyer):
        settings.OSCAR_MODERATE_REVIEWS = True
        review, seen = self.write(send, buyer, product), []
        seen.append(self.ready(buyer))
        for status in (Review.APPROVED, Review.REJECTED, Review.APPROVED):
            self.decide(send, review, status)
            seen.append(self.ready(buyer))

        assert seen == [0, 50, 0, 50]
        assert "Your review of Liver bites" in text_of(buyer.get(reverse("loyalty:overview")))
        assert 'data-loyalty="reviewed"' in Client().get(product.get_absolute_url()).content.decode()

    def test_brings_them_at_once_where_nobody_moderates(self, settings, send, product, buyer):
        settings.OSCAR_MODERATE_REVIEWS = False
        self.write(send, buyer, product)

        assert self.ready(buyer) == 50

    def test_brings_nothing_to_somebody_who_did_not_buy(self, settings, send, product, buyer):
        settings.OSCAR_MODERATE_REVIEWS = False
        stranger = signed_in(a_user("stranger@example.com"))
        self.write(send, stranger, product)

        assert self.ready(stranger) == 0
        page = Client().get(product.get_absolute_url()).content.decode()
        assert "Gone in a day" in page
        assert 'data-loyalty="reviewed"' not in page
