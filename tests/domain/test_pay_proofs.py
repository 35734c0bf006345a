"""What proves that whoever opened a link for paying is who it was sent to."""

import pytest

from app.domain.pay_proofs import birth_year, is_locked, is_proven, last_four


@pytest.mark.parametrize(
    ("loan_no", "last"), [("CN-1001", "1001"), ("L1", "L1"), ("ab.cd:ef", "CDEF"), ("2026-00-17", "0017"), ("--", "")]
)
def test_the_last_four_are_letters_and_digits(loan_no: str, last: str) -> None:
    assert last_four(loan_no) == last


@pytest.mark.parametrize(
    ("national_id", "country", "year"),
    [
        ("110101199003074514", "CN", 1990),
        (" 11010120000307451X ", None, 2000),
        ("110101199003074514", "GB", None),
        ("110101890307451", "CN", None),
        ("AB123456C", "GB", None),
        (None, "CN", None),
    ],
)
def test_a_year_of_birth_is_read_where_an_id_tells_it(
    national_id: str | None, country: str | None, year: int | None
) -> None:
    assert birth_year(national_id, country) == year


@pytest.mark.parametrize(("year", "last", "said_year", "fits"), [
    (None, "1001", "", True), (None, " -1001 ", "", True), (None, "2002", "", True), (None, "CN-2002", "", True),
    (None, "", "", False), (None, "--", "", False), (None, "1002", "", False), (None, "001", "", False),
    (1990, "1001", "1990", True), (1990, "1001", " 1990 ", True), (1990, "1001", "", False), (1990, "1001", "1991", False),
    (1990, "9999", "1990", False),
])  # fmt: skip
def test_answers_fit_one_of_the_loans_and_the_year_where_it_is_known(
    year: int | None, last: str, said_year: str, fits: bool
) -> None:
    assert is_proven(["CN-1001", "CN-2002"], year, said_last=last, said_year=said_year) is fits


def test_a_loan_number_without_letters_or_digits_is_proven_by_nothing() -> None:
    assert not is_proven(["--"], None, said_last="-", said_year="")


@pytest.mark.parametrize(("tries", "of_borrower", "locked"), [(4, 9, False), (5, 5, True), (0, 10, True)])
def test_five_wrong_answers_lock_a_link_and_ten_all_of_a_borrower(tries: int, of_borrower: int, locked: bool) -> None:
    assert is_locked(tries, of_borrower) is locked
