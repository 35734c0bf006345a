"""One contact about several loans: who leads, who is carried along, and whose caps and hours hold."""

from dataclasses import replace
from datetime import time, timedelta
from typing import Any

from app.domain.cases import LoanFacts, PastContact, PastMessage
from app.domain.decided import Decided
from app.domain.decisions import decide
from app.domain.policies import Cap, Rules, Rung
from app.domain.quiet_hours import QuietHours
from app.domain.reasons import Outcome, Reason
from tests.builders.cases import DUE, case, contact, key, local, past, subject
from tests.builders.rules import FALLBACK, policy, rules, step

TEN = local(DUE, 10)
BEFORE = local(DUE, 9)
ONE, TWO = subject("L1"), subject("L2")
DAILY = Cap(1, 1)


def settled(loan: str, **changes: Any) -> PastContact:
    """A contact of two days ago about a loan, all paid since."""
    at = TEN - timedelta(days=2)
    given = {"contact_id": "C0", "created_at": at, "local_date": DUE - timedelta(days=2), "loan_ids": frozenset({loan})}
    return replace(contact(), messages=(PastMessage("push", 1, at, "sent"),), **{**given, **changes})


def outcomes(decided: Decided) -> dict[str, tuple[Outcome, Reason]]:
    return {verdict.loan_id: (verdict.outcome, verdict.reason) for verdict in decided.verdicts}


def test_a_contact_counts_for_the_cap_of_its_loan_when_it_is_settled_too() -> None:
    capped = rules(policy(step(), caps=(DAILY, Cap(7, 1, per="loan"))))

    decided = decide(case(ONE, contacts=(settled("L1"),), decided_until=BEFORE), capped, TEN)

    assert outcomes(decided) == {"L1": (Outcome.SUPPRESSED, Reason.CAP_PERSON)}


def test_a_loan_whose_cap_is_full_neither_keeps_the_others_back_nor_is_carried_along() -> None:
    capped = rules(policy(step(), caps=(DAILY, Cap(7, 1, per="loan"))))

    for full, free in (("L1", "L2"), ("L2", "L1")):
        decided = decide(case(ONE, TWO, contacts=(settled(full),), decided_until=BEFORE), capped, TEN)

        assert outcomes(decided) == {
            full: (Outcome.SUPPRESSED, Reason.CAP_PERSON),
            free: (Outcome.SENT, Reason.ON_SCHEDULE),
        }


def test_what_the_highest_stage_puts_into_the_app_alone_keeps_no_other_from_reaching_out() -> None:
    steps = (step("d-3", -3), step("d+0", 0, ladder=(Rung("in_app"),)))
    soon = subject("L2", due_on=DUE + timedelta(days=3))

    decided = decide(case(ONE, soon, decided_until=BEFORE), rules(policy(*steps)), TEN)

    assert [made.channels for made in decided.contacts] == [("in_app",), ("in_app", "push")]
    assert [made.slot_no for made in decided.contacts] == [None, 1]
    assert [made.lead.subject.loan_id for made in decided.contacts] == ["L1", "L2"]


def test_a_message_about_two_lenders_leaves_in_the_hours_of_both() -> None:
    wide = policy(step(), quiet_hours=QuietHours(time(21), time(9)))
    narrow = replace(wide, policy_id="policy-2", quiet_hours=QuietHours(time(12), time(9)))
    theirs = replace(TWO, loan=LoanFacts(lender_id="X", lender_code="x"))

    decided = decide(case(ONE, theirs, decided_until=BEFORE), Rules(wide, 1, {"X": narrow}), TEN)

    (made,) = decided.contacts
    assert len(made.candidates) == 2
    assert {m.not_after for m in made.messages} == {local(DUE, 12) - narrow.not_after_margin}


def test_of_two_lenders_loans_with_one_number_the_same_leads_however_they_are_read() -> None:
    mine = replace(subject("A"), loan_no="1", loan=LoanFacts(lender_code="zeta"))
    theirs = replace(subject("B"), loan_no="1", loan=LoanFacts(lender_code="alpha"))

    leads = {
        decide(case(*some, decided_until=BEFORE), rules(policy(step())), TEN).contacts[0].lead.subject.loan_id
        for some in ((mine, theirs), (theirs, mine))
    }

    assert leads == {"B"}


def test_a_further_rung_and_a_new_contact_at_one_instant_share_the_cap_of_the_channel() -> None:
    capped = rules(policy(step(ladder=FALLBACK), step("d-1", -1, at=time(14), ladder=(Rung("sms"),)),
                          caps=(Cap(1, 2), Cap(7, 1, "sms"))))  # fmt: skip
    sent = (PastMessage("in_app", 0, TEN, "delivered"), PastMessage("push", 1, TEN, "sent"))
    decisions = {
        key(ONE, "d+0"): replace(past(ONE, "d+0", Outcome.SENT, Reason.ON_SCHEDULE, contact_id="C1"), occurs_at=TEN)
    }
    soon = subject("L2", due_on=DUE + timedelta(days=1))
    one = contact(key(ONE, "d+0"), rungs_done=2, messages=sent)

    decided = decide(case(ONE, soon, contacts=(one,), decisions=decisions, decided_until=TEN), capped, local(DUE, 14))

    assert [m.channel for rung in decided.rungs for m in rung.messages] == ["sms"]
    assert outcomes(decided)["L2"] == (Outcome.SUPPRESSED, Reason.CAP_CHANNEL)
