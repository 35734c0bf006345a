"""Moves of pledged things as a credit report tells of them: the first taken begins it, the last one back ends it."""

from datetime import date

from app.domain.credit_accounts import Standing
from app.domain.credit_collateral import ThingMove, loan_events
from app.domain.credit_events import state_on

FIRST, SECOND, THIRD, FOURTH = (date(2026, 2, day) for day in (1, 2, 3, 4))


def standing(*moves: ThingMove) -> Standing:
    return state_on(loan_events(moves), FOURTH).standing


def test_one_of_two_things_back_is_still_repossessed() -> None:
    taken = [ThingMove("a", "taken", FIRST), ThingMove("b", "taken", SECOND)]

    assert standing(*taken, ThingMove("a", "released", THIRD)) is Standing.REPOSSESSED
    assert standing(*taken, ThingMove("a", "released", THIRD), ThingMove("b", "redeemed", FOURTH)) is Standing.OPEN


def test_the_first_taken_says_how() -> None:
    moves = [ThingMove("a", "taken", FIRST, "voluntary"), ThingMove("b", "taken", SECOND)]

    assert standing(*moves) is Standing.SURRENDERED


def test_sold_out_of_custody_leaves_the_shortfall_repossessed() -> None:
    state = state_on(loan_events([ThingMove("a", "taken", FIRST), ThingMove("a", "sold", SECOND)]), FOURTH)

    assert (state.standing, state.is_sold_collateral) == (Standing.REPOSSESSED, True)


def test_what_stays_with_the_borrower_says_nothing() -> None:
    moves = [ThingMove("a", kind, FIRST) for kind in ("pledged", "notice_served", "released", "lost", "destroyed")]

    assert loan_events(moves) == []
