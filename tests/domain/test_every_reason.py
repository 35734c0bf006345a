"""Every outcome and reason that `decide` knows is reached: one smallest case for each."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest

from app.domain.audiences import read_condition
from app.domain.calendars import Calendar
from app.domain.cases import Attempt, Case, ConsentFact, LoanFacts, PastContact, PastMessage, Subject
from app.domain.decided import Decided
from app.domain.decisions import decide
from app.domain.holds import HOLD_REASONS, Hold
from app.domain.policies import Action, Cap, Experiment, Holdout, Policy, Rules, Rung
from app.domain.quiet_hours import QuietHours
from app.domain.reasons import PERSON_FLAGS, Outcome, Reason
from tests.builders.cases import DUE, LONG_AGO, case, contact, key, local, past, subject
from tests.builders.rules import FALLBACK, policy, rules, step, template

ONE = subject()
TEN = local(DUE, 10)
US = LoanFacts(lender_id="X", lender_code="harbour", jurisdiction="US", lender_role="third_party_collector")
UK = LoanFacts(lender_id="X", lender_code="brightwell", jurisdiction="GB", lender_role="first_party")
CN = LoanFacts(lender_id="X", lender_code="xinyuan", jurisdiction="CN", lender_role="first_party")
EU = LoanFacts(lender_id="X", lender_code="rheingold", jurisdiction="EU", lender_role="first_party")


def open_case(one: Subject = ONE, **changes: Any) -> Case:
    return case(one, **{"decided_until": local(DUE, 9), "borrower_no": "B1", **changes})


def hold(kind: str, **changes: Any) -> Hold:
    return Hold(kind, LONG_AGO, None, LONG_AGO, **changes)


def of(one: Policy, **changes: Any) -> Rules:
    return rules(one, **changes)


def only(channel: str, **changes: Any) -> Policy:
    return policy(step(ladder=(Rung(channel),), **changes))


def condition(written: Any) -> Any:
    problems: list[tuple[str, str]] = []
    found = read_condition(written, "", problems)
    assert problems == []
    return found


Scenario = Callable[[], Decided]
BLOCKS = {
    reason: (lambda reason=reason: decide(open_case(blocks={"push": reason}), of(only("push")), TEN))
    for reason in (
        Reason.NO_ENDPOINT, Reason.ENDPOINT_INVALID, Reason.ENDPOINT_SUSPECT, Reason.OPTED_OUT, Reason.USER_BLOCKED,
        Reason.PUSH_PERMISSION_OFF, Reason.NOT_SUBSCRIBED, Reason.CONSENT_WITHDRAWN,
    )
}  # fmt: skip
HOLDS = {
    reason: (
        lambda kind=kind: decide(open_case(holds=(hold(kind),)), of(policy(step(), stop_on=frozenset(HOLD_REASONS))), TEN)
    )
    for kind, reason in reversed(HOLD_REASONS.items())
}
FLAGS = {
    reason: (lambda flag=flag: decide(open_case(flags=(flag,)), of(policy(step())), TEN))
    for flag, reason in PERSON_FLAGS.items()
}


def closed_with(reason: Reason) -> Decided:
    """The step was reached before the row was closed, and is looked at only now."""
    one = replace(ONE, closed_at=local(DUE, 10, 1), closed_reason=reason, open_minor=0)
    return decide(open_case(one), of(policy(step())), local(DUE, 10, 2))


def held_with(reason: Reason) -> Decided:
    return decide(open_case(replace(ONE, held_reason=reason)), of(policy(step())), TEN)


def two_loans() -> Decided:
    return decide(case(ONE, subject("L2"), decided_until=local(DUE, 9)), of(policy(step())), TEN)


def rung(seen: bool) -> Decided:
    messages = (PastMessage("push", 1, TEN, "sent", seen),)
    decisions = {
        key(ONE, "d+0"): replace(past(ONE, "d+0", Outcome.SENT, Reason.ON_SCHEDULE, contact_id="C1"), occurs_at=TEN)
    }
    one = contact(key(ONE, "d+0"), rungs_done=2, messages=messages)
    return decide(
        case(ONE, contacts=(one,), decisions=decisions, decided_until=TEN), of(policy(step(ladder=FALLBACK))), local(DUE, 14)
    )


def law(loan: LoanFacts, channel: str, hour: int = 10, zone: str = "UTC", info: Any = None, **changes: Any) -> Decided:
    steps = {name: changes.pop(name) for name in ("expires_after", "stage", "offset", "key") if name in changes}
    one = replace(ONE, loan=loan, due_on=DUE - timedelta(days=steps.get("offset", 0)))
    at, facts = local(DUE, hour, zone=zone), changes.pop("facts", {})
    changes.setdefault("profile_zone", zone)
    wide = policy(step(ladder=(Rung(channel),), **steps), quiet_hours=QuietHours(time(0), time(0)))
    templates = None if info is None else {("due_today", channel): {"en": info}, ("due_today", "in_app"): {"en": info}}
    started = local(DUE - timedelta(days=1), 12, zone=zone)
    return decide(case(one, decided_until=started, **changes), of(wide, law=True, templates=templates, law_facts=facts), at)


CONTACT_BY_TEXT = (
    ConsentFact("contact_by_text", None, local(DUE - timedelta(days=5), 9)),
    ConsentFact("automated_call", None, local(DUE - timedelta(days=5), 9)),
)
CONTROL = Experiment("tone", (("control", 100, None),), timedelta(days=3))
OFF = Calendar("X", days_off=frozenset({DUE}), known_from=2026, known_to=2026)

SCENARIOS: dict[Reason, Scenario] = {
    Reason.ON_SCHEDULE: lambda: decide(open_case(), of(policy(step())), TEN),
    Reason.CONSOLIDATED_INTO: two_loans,
    Reason.FALLBACK_RUNG: lambda: rung(seen=False),
    Reason.SEEN: lambda: rung(seen=True),
    **{
        r: (lambda r=r: closed_with(r))
        for r in (Reason.PAID, Reason.LOAN_CLOSED, Reason.WRITTEN_OFF, Reason.REANCHORED, Reason.PROMISE_OVER)
    },
    **{r: (lambda r=r: held_with(r)) for r in (Reason.CORE_SAYS_PAID, Reason.PLAN_ESTIMATED)},
    Reason.BELOW_TOLERANCE: lambda: decide(open_case(), of(policy(step(), tolerance={"USD": 10_001})), TEN),
    Reason.BALANCE_STALE: lambda: decide(
        open_case(replace(ONE, loan=LoanFacts(heard_at=local(DUE - timedelta(days=4), 0)))),
        of(policy(step(), balance_max_age=timedelta(days=3))), TEN,
    ),
    Reason.AUTOPAY_EXPECTED: lambda: decide(
        open_case(replace(ONE, loan=LoanFacts(autopay=True))),
        of(policy(step(), stop_on=frozenset({"autopay_expected"}))), TEN,
    ),
    **HOLDS,
    **FLAGS,
    Reason.POLICY_INACTIVE: lambda: decide(open_case(), of(policy(step(), in_force_from=DUE + timedelta(days=1))), TEN),
    Reason.AUDIENCE_NOT_MATCHED: lambda: decide(
        open_case(), of(policy(step(audience=condition({"amount": {"gte": "100.01"}})))), TEN
    ),
    Reason.STEP_SUPERSEDED: lambda: decide(open_case(), of(policy(step("a", -0), step("b", 0, at=time(10)))), TEN),
    Reason.DUPLICATE_OCCURRENCE: lambda: decide(
        open_case(decisions={key(ONE, "old"): past(ONE, "old", Outcome.SENT, Reason.ON_SCHEDULE)}),
        of(policy(step("new", replaces=("old",)))), TEN,
    ),
    Reason.ALREADY_CONTACTED_MANUALLY: lambda: decide(
        open_case(contacts=(contact(origin="manual"),)), of(policy(step())), TEN
    ),
    Reason.CAP_PERSON: lambda: decide(open_case(contacts=(contact(),)), of(policy(step())), TEN),
    Reason.HOLDOUT: lambda: decide(open_case(), of(policy(step(), holdout=Holdout("h", 100, "late"))), TEN),
    Reason.EXPERIMENT_CONTROL: lambda: decide(open_case(), of(policy(step(experiment=CONTROL))), TEN),
    Reason.NEEDS_APPROVAL: lambda: decide(
        open_case(), of(policy(step(action=Action("letter", "letters", timedelta(hours=8), needs_approval=True)))), TEN
    ),
    Reason.RULES_CHANGED: lambda: decide(
        open_case(decisions={key(ONE, "gone"): past(ONE, "gone", Outcome.DEFERRED, Reason.QUIET_HOURS)}),
        of(policy(step())), TEN,
    ),
    Reason.CAP_CHANNEL: lambda: decide(
        open_case(contacts=(PastContact("C0", DUE - timedelta(days=1), local(DUE - timedelta(days=1), 9), 1, (), messages=(
            PastMessage("push", 0, local(DUE - timedelta(days=1), 9), "sent"),)),)),
        of(policy(step(ladder=(Rung("push"),)), caps=(Cap(1, 1), Cap(7, 1, "push")))), TEN,
    ),
    Reason.QUIET_HOURS: lambda: decide(case(ONE, decided_until=local(DUE, 5)), of(policy(step(at=time(7)))), local(DUE, 7)),
    Reason.NON_WORKING_DAY: lambda: decide(
        open_case(), of(policy(step(on_non_working_day="skip")), calendars={"": OFF}), TEN
    ),
    Reason.EXPIRED_WINDOW: lambda: decide(open_case(), of(policy(step())), local(DUE, 20)),
    **BLOCKS,
    Reason.CHANNEL_DISABLED: lambda: decide(open_case(), of(only("voice"), channels=frozenset({"push"})), TEN),
    Reason.TEMPLATE_NOT_APPROVED: lambda: decide(
        open_case(), of(only("push"), templates={("due_today", "push"): {"en": template(approved=False)}}), TEN
    ),
    Reason.TEMPLATE_LOCALE_MISSING: lambda: decide(
        open_case(locale="fr"), of(only("push"), templates={("due_today", "push"): {"de": template()}}), TEN
    ),
    # -- law, from the packs that come with the product --
    Reason.LEGAL_QUIET_HOURS: lambda: law(UK, "push", 22, "Europe/London", expires_after=timedelta(days=1)),
    Reason.LEGAL_DAILY_CAP: lambda: law(EU, "push", 10, "Europe/Berlin", attempts=(Attempt(local(DUE, 8), "sms"),)),
    Reason.LEGAL_WEEKLY_CAP: lambda: law(
        EU, "push", 10, "Europe/Berlin",
        attempts=tuple(Attempt(local(DUE - timedelta(days=d), 8), "sms") for d in (1, 2, 3)),
    ),
    Reason.LEGAL_ANSWERED_TODAY: lambda: law(
        US, "voice", 11, "America/New_York", expires_after=timedelta(days=9),
        consents=CONTACT_BY_TEXT, attempts=(Attempt(local(DUE, 14), "voice", outcome="conversation"),),
    ),
    Reason.LEGAL_CHANNEL_NOT_ALLOWED: lambda: law(LoanFacts(jurisdiction="JP"), "sms", 10, "Asia/Tokyo"),
    Reason.CONTENT_LINT: lambda: law(UK, "push", info=template("threat_of_arrest", "false_authority")),
    Reason.CONSENT_MISSING: lambda: law(US, "sms", 10, "America/New_York"),
    Reason.LEGAL_THIRD_PARTY: lambda: law(UK, "sms", info=template("amount")),
    Reason.TIMEZONE_UNKNOWN_NARROWED: lambda: law(UK, "push", device_zones=("Asia/Shanghai", "America/Los_Angeles")),
    Reason.LEGAL_NOTICE_MISSING: lambda: law(
        EU, "push", facts={"events": ({"kind": "credit_transferred", "on": DUE - timedelta(days=9)},)}
    ),
    Reason.LEGAL_BLOCK: lambda: law(replace(UK, last_payment_on=date(2015, 1, 1)), "letter", info=template("legal_threat")),
    Reason.LEGAL_REVIEW: lambda: law(CN, "push", 10, "Asia/Shanghai", holds=(hold("plan_pending"),)),
}  # fmt: skip


def reached(decided: Decided) -> set[Reason]:
    return {verdict.reason for verdict in decided.verdicts}


@pytest.mark.parametrize("reason", list(SCENARIOS), ids=str)
def test_the_reason_is_reached(reason: Reason) -> None:
    assert reason in reached(SCENARIOS[reason]())


ELSEWHERE = {
    Reason.NOT_DUE_YET: "said by an explanation of what will happen: tests/services/test_explanations.py",
    Reason.REPLY_WINDOW_CLOSED: "said of answers by hand: tests/domain/test_reply_windows.py",
}


def test_no_reason_is_without_a_case() -> None:
    assert set(Reason) - set(SCENARIOS) == set(ELSEWHERE)


def test_every_outcome_is_reached() -> None:
    more = [
        decide(open_case(), of(policy(step(action=Action("call", "early", timedelta(hours=8))))), TEN),
        decide(case(ONE, decided_until=local(DUE, 5)), of(policy(step(at=time(7)))), local(DUE, 7)),
    ]
    outcomes = {v.outcome for decided in [*(scenario() for scenario in SCENARIOS.values()), *more] for v in decided.verdicts}

    assert outcomes == set(Outcome)
