"""Where a line may end in "118,400 paws"."""

import pytest

from loyalty_oscar.program.words import NBSP
from loyalty_oscar.shop.templatetags.loyalty import parted


class TestANumberWithItsWord:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            (f"15{NBSP}points", f"15{NBSP}<wbr>points"),
            (f"118{NBSP}400{NBSP}лап", f"118{NBSP}400{NBSP}<wbr>лап"),
            (f"1{NBSP}<b>", f"1{NBSP}<wbr>&lt;b&gt;"),
            ("None", "None"),
        ],
    )
    def test_may_be_parted_before_the_word_only(self, text, shown):
        assert parted(text) == shown
