"""A lender says who asks for the money, and why where that is the laxer reading."""

import pytest

from app.domain.errors import ValidationError
from app.services.lenders import check_lender
from tests.builders.book_values import lender_values


def test_a_first_party_says_why() -> None:
    for reason in (None, "", "  "):
        with pytest.raises(ValidationError, match="so say why"):
            check_lender(lender_values(role="first_party", role_reason=reason))
    check_lender(lender_values(role="first_party", role_reason="Lends its own money; licence 12 of 2024."))


def test_who_collects_for_others_or_says_nothing_needs_no_reason() -> None:
    check_lender(lender_values(role="third_party_collector"))
    check_lender(lender_values())


def test_a_role_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValidationError, match="first_party, third_party_collector"):
        check_lender(lender_values(role="friend"))
    with pytest.raises(ValidationError, match="longer than 400"):
        check_lender(lender_values(role="first_party", role_reason="x" * 401))
