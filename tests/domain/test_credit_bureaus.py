"""What is set per bureau is refused when it is set, and not when a month is frozen and its file cannot be made."""

import pytest

from app.domain.credit_bureaus import BureauValues, check_bureau
from app.domain.errors import ValidationError


def test_pboc_records_want_the_institutions_code_and_the_district() -> None:
    check_bureau(BureauValues("PBOC", "pboc", "91310000123456", "Acme", "310101"))

    with pytest.raises(ValidationError) as refused:
        check_bureau(BureauValues("PBOC", "pboc", "FURN123", "Acme", "310101 Shanghai"))

    assert [error.pointer for error in refused.value.errors] == ["/furnisher_code", "/furnisher_address"]


def test_a_metro2_furnisher_has_an_address_of_words() -> None:
    check_bureau(BureauValues("EQUIFAX", "metro2", "FURN123", "ACME LENDING", "1 MAIN ST AUSTIN TX"))
