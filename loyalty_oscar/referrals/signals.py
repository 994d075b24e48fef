"""What the floor above is told of referrals, after commit."""

from django.dispatch import Signal

#: Staff decided otherwise, or the checks did: `order_id` of the order to be looked at again. Sender: Referral.
decided = Signal()
#: A first order came to nothing: another order of `user_id` placed `since` then, or of whoever is one with them in
#: `program_id`, may be the first. Sender: Referral.
waits_again = Signal()
