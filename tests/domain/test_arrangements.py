"""Plan requests and arrangements as values: what may become of them, who may decide, what counts as kept."""

from datetime import date, timedelta
from itertools import product

import pytest

from app.domain import arrangements, plan_requests
from app.domain.arrangements import (
    ArrangementRule,
    ArrangementState,
    FallBack,
    Standing,
    WatchedRow,
    standing_on,
    watched_rows,
)
from app.domain.errors import ConflictError, DomainError, ForbiddenError
from app.domain.plan_requests import Approval, RequestState, check_may_decide, is_approved
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.services.arrangement_rules import arrangement_rules, read_rules

R, A = RequestState, ArrangementState
REQUEST_MOVES = {
    (R.REQUESTED, R.OFFERED), (R.REQUESTED, R.DECLINED), (R.REQUESTED, R.EXPIRED), (R.REQUESTED, R.WITHDRAWN),
    (R.OFFERED, R.ACCEPTED), (R.OFFERED, R.DECLINED), (R.OFFERED, R.EXPIRED), (R.OFFERED, R.WITHDRAWN),
}  # fmt: skip
ARRANGEMENT_MOVES = {(A.ACTIVE, A.KEPT), (A.ACTIVE, A.BROKEN), (A.ACTIVE, A.CANCELLED)}
RULE = ArrangementRule(watch_rows=2, grace_days=5, tolerance_minor=50, fall_back=FallBack.STAYS)
D1, D2 = date(2026, 3, 10), date(2026, 4, 10)
WATCHED = (WatchedRow(2, D1), WatchedRow(3, D2))


@pytest.mark.parametrize(("before", "after"), list(product(R, R)))
def test_a_request_makes_these_moves_and_no_others(before: R, after: R) -> None:
    if (before, after) in REQUEST_MOVES:
        plan_requests.check_move(before, after)
    else:
        with pytest.raises(ConflictError, match="cannot become"):
            plan_requests.check_move(before, after)


@pytest.mark.parametrize(("before", "after"), list(product(A, A)))
def test_an_arrangement_makes_these_moves_and_no_others(before: A, after: A) -> None:
    if (before, after) in ARRANGEMENT_MOVES:
        arrangements.check_move(before, after)
    else:
        with pytest.raises(ConflictError):
            arrangements.check_move(before, after)


@pytest.mark.parametrize(
    ("staff", "role", "given", "refused"),
    [
        ("staff:Li", "supervisor", [], None),
        ("staff:Li", "compliance", [Approval("staff:Wu", True)], None),
        ("staff:Li", "agent", [], ForbiddenError),
        ("staff:Eve", "admin", [], ForbiddenError),
        ("staff:Li", "admin", [Approval("staff:Li", True)], ConflictError),
    ],
)
def test_who_decides_is_senior_did_not_ask_and_did_not_decide_before(
    staff: str, role: str, given: list[Approval], refused: type[DomainError] | None
) -> None:
    if refused is None:
        check_may_decide(staff, role, asked_by="staff:Eve", given=given)
        return
    with pytest.raises(refused):
        check_may_decide(staff, role, asked_by="staff:Eve", given=given)


@pytest.mark.parametrize(
    ("needed", "given", "approved"),
    [
        (1, [], False),
        (1, [Approval("a", True)], True),
        (2, [Approval("a", True)], False),
        (2, [Approval("a", True), Approval("a", True)], False),
        (2, [Approval("a", True), Approval("b", True)], True),
        (2, [Approval("a", True), Approval("b", True), Approval("c", False)], False),
    ],
)
def test_four_eyes_are_two_people(needed: int, given: list[Approval], approved: bool) -> None:
    assert is_approved(needed, given) is approved


GRACE = timedelta(days=5)


@pytest.mark.parametrize(
    ("on", "opened", "expected"),
    [
        (D1, {2: 15_000, 3: 15_000}, Standing(A.ACTIVE, look_after=D1 + GRACE)),
        (D1 + GRACE - timedelta(days=1), {2: 15_000, 3: 15_000}, Standing(A.ACTIVE, look_after=D1 + GRACE)),
        (D1 + GRACE, {2: 15_000, 3: 15_000}, Standing(A.BROKEN, WATCHED[0])),
        (D1 + GRACE, {2: 51, 3: 15_000}, Standing(A.BROKEN, WATCHED[0])),
        (D1 + GRACE, {2: 50, 3: 15_000}, Standing(A.ACTIVE, look_after=D2 + GRACE)),
        (D1, {}, Standing(A.KEPT)),
        (D2 + GRACE, {}, Standing(A.KEPT)),
        (D2 + GRACE, {3: 1_000}, Standing(A.BROKEN, WATCHED[1])),
    ],
)
def test_a_row_is_kept_when_it_is_paid_by_its_day_and_grace(on: date, opened: dict[int, int], expected: Standing) -> None:
    assert standing_on(WATCHED, on, RULE, lambda _on: opened) == expected


def test_looking_weeks_late_finds_what_stood_on_the_day() -> None:
    def open_on(day: date) -> dict[int, int]:
        return {} if day >= D1 + 3 * GRACE else {2: 15_000, 3: 15_000}

    assert standing_on(WATCHED, D2, RULE, open_on) == Standing(A.BROKEN, WATCHED[0])


def test_watched_are_the_rows_that_changed_or_else_the_next() -> None:
    before = [PlanRow(n, date(2026, n + 1, 10), Split(10_000)) for n in range(1, 6)]
    spread = [before[0]._replace(due=Split(0)), *(row._replace(due=Split(15_000)) for row in before[1:3]), *before[3:]]

    assert watched_rows(spread, before, {1}, date(2026, 3, 2), RULE) == WATCHED
    assert watched_rows(before, before, {1}, date(2026, 3, 2), RULE) == WATCHED


def test_a_rule_names_every_kind_and_no_key_that_nobody_reads() -> None:
    rules = arrangement_rules()
    assert {kind.value: rule.fall_back.value for kind, rule in rules.kinds.items()} == {
        "change_due_day": "stays", "extend": "stays", "lengthen": "stays", "interest_only": "stays", "catch_up": "returns"
    }  # fmt: skip
    some = {"requests": {"answer_days": 1, "offer_days": 1, "hold_days": 1, "hold_again_after_days": 1}, "arrangements": {}}
    with pytest.raises(ValueError, match="has to name"):
        read_rules(some)
