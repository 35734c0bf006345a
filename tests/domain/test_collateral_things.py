"""Plates and VINs: compared as one thing however they are written, checked where a check digit is law, masked in lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.collateral_things import check_digit, masked_plate, masked_vin, normal_plate, normal_vin
from app.domain.errors import ValidationError

_ALPHABET = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"


@pytest.mark.parametrize("vin", ["1M8GDM9AXKP042788", "11111111111111111", "5GZCZ43D13S812715", "LSVAM4187C2184847"])
def test_published_numbers_are_taken(vin: str) -> None:
    assert normal_vin(vin.lower()) == vin


@pytest.mark.parametrize("vin", ["1M8GDM9A1KP042788", "1M8GDM9AXKP04278", "1M8GDM9AXKPO42788", ""])
def test_a_slip_is_refused_and_not_repeated(vin: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        normal_vin(vin)
    assert vin == "" or vin not in str(refusal.value)


@given(st.text(_ALPHABET, min_size=17, max_size=17), st.integers(0, 16), st.sampled_from("0123456789"))
def test_another_digit_in_one_place_does_not_pass_as_the_same_number(vin: str, place: int, digit: str) -> None:
    good = "1" + vin[1:8] + "0" + vin[9:]
    good = good[:8] + check_digit(good) + good[9:]
    assert normal_vin(good) == good
    slipped = good[:place] + digit + good[place + 1 :]
    if place in (0, 8) or not good[place].isdigit() or slipped == good:
        return
    with pytest.raises(ValidationError):
        normal_vin(slipped)


@pytest.mark.parametrize("plate", ["粤B·12345", "粤b 12345", "粤Ｂ１２３４５"])
def test_one_plate_is_found_however_it_is_written(plate: str) -> None:
    assert normal_plate(plate) == "粤B12345"


def test_lists_show_too_little_to_find_the_vehicle_by() -> None:
    assert masked_plate("粤B12345") == "粤••••45"
    assert masked_plate("AB1") == "A••••"
    assert masked_vin("1M8GDM9AXKP042788") == "••••2788"
