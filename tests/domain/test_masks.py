"""Personal data is shown so that people can be told apart, and not carried away."""

import pytest

from app.domain.masks import masked_address, masked_email, masked_name, masked_national_id, masked_phone


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (masked_phone("+8613800001234", 86), "+86 ••• ••34"),
        (masked_phone("+8613800001234"), "••• ••34"),
        (masked_email("li.wei@example.com"), "l•••@e•••.com"),
        (masked_email("a@localhost"), "a•••@•••"),
        (masked_name("Li Wei"), "L• W••"),
        (masked_name("Li Wei", {"wei"}), "L• Wei"),
        (masked_name("José Ruiz", {"jose"}), "José R•••"),
        (masked_name("王小明"), "王••"),
        (masked_name("王小明", {"王小"}), "王小•"),
        (masked_name("王小明", {"王小明"}), "王小明"),
        (masked_national_id("110101199003074512"), "•••• 4512"),
        (masked_national_id("12345678"), "••••"),
        (masked_address(("88 Century Avenue", "Shanghai")), "•••, Shanghai"),
        (masked_address(("Shanghai, 88 Century Avenue",)), "•••"),
    ],
)
def test_what_is_shown(shown: str, expected: str) -> None:
    assert shown == expected
