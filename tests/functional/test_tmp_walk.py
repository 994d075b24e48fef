from .test_every_field import *  # noqa
from .test_every_field import walk
import pytest

pytestmark = pytest.mark.django_db
for _n in [n for n in globals() if n.startswith("Test")]:
    del globals()[_n]


class TestTmp:
    def test_it(self, doors, inputs):
        some = [d for n, d in doors.items() if n.startswith("Reward") or n == "give back" or n == "Claim"]
        assert len(some) == 4, list(doors)
        wrong = walk(some, inputs)
        assert not wrong, "\n" + "\n".join(wrong)
