"""Every event that lenders' systems are told of. Whoever announces one more adds it here, and to docs/webhooks.md.

A type is noun.verb.v1. What an event's `data` holds can gain fields; what changes or goes makes a v2.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Noun:
    """What events of one noun have in common. `verbs`: verb -> when it is told. `data`: its fields."""

    data: str
    verbs: Mapping[str, str]


NOUNS: Mapping[str, Noun] = {
    "promise": Noun(
        "promise_id, group_id, borrower_no, loan_no, amount, paid, promised_on, timezone, state, reference",
        {
            "made": "a borrower promised to pay",
            "kept": "the whole sum came by the end of the day",
            "partly_kept": "the day is over, and some of it came",
            "broken": "the day is over, and nothing came",
            "cancelled": "it was taken back",
            "replaced": "another promise stands in its place",
            "reopened": "what closed it was taken back",
        },
    ),
    "plan_request": Noun(
        "request_id, loan_no, borrower_no, kind, terms, state, approvals_needed, stands_until, document_sha256, reason",
        {
            "requested": "a borrower asked for another plan",
            "approved": "one of the approvals it needs was given",
            "offered": "the borrower may accept it, until stands_until",
            "accepted": "the borrower accepted it",
            "declined": "staff declined it",
            "expired": "nobody accepted it in time",
            "withdrawn": "the borrower took it back",
        },
    ),
    "arrangement": Noun(
        "arrangement_id, request_id, loan_no, borrower_no, kind, state, agreed_on, document_sha256, reason",
        {
            "accepted": "it was agreed, and the loan has its new plan",
            "kept": "everything agreed was paid",
            "broken": "what was agreed was not paid; reason says by which rule",
            "cancelled": "it ended otherwise",
        },
    ),
    "escalation": Noun(
        "loan_no, borrower_no, policy, policy_version, step, kind, outcome, message_id, reason, stage",
        {
            "begun": "a loan's arrears began to escalate by the policy and version named",
            "approval_needed": "a step waits for a person",
            "step_happened": "a notice was handed over or is proved to have arrived, a report was started, a case referred",
            "ended": "it is over; reason says why (CURED, REPLANNED, ARRANGED, LOAN_OVER, STOPPED_BY_PERSON)",
        },
    ),
    "credit_report": Noun(
        "snapshot_id, bureau, as_of, records, file_sha256, borrower_no, loan_no, correction_id, code, reason",
        {
            "furnished": "a month's file was handed in to a bureau: whom it tells of is read at the snapshot's rows",
            "corrected": "what was furnished of a loan was told otherwise to the bureau",
            "deleted": "what was furnished of a loan was taken out",
        },
    ),
    "collateral": Noun(
        "event_id, thing, kind, state, borrower_no, loan_nos, effective_on, reference, amount, by",
        {"recorded": "something happened to a pledged thing, or was taken back; kind says what"},
    ),
    "collateral_sale": Noun(
        "sale_id, thing, borrower_no, state, sold_on, proceeds, costs, claims, surplus, shortfall, entries, rule",
        {
            "booked": "a sale was approved; entries are the repayments of it, which your core books too",
            "reversed": "it was taken back, and so were its repayments",
        },
    ),
    "register_report": Noun(
        "report_id, loan_no, borrower_no, register, reason, mark",
        {
            "reported": "a report stands: two people decided it, and the register's next file has it",
            "corrected": "what it says was corrected, or marked as disputed",
            "removed": "it is taken off the register; reason says why (paid, dispute_upheld, retention_ended, hold, "
            "notice_returned, our_error, law)",
        },
    ),
    "payouts": Noun(
        "batch_id, currency, until_on, payouts, total, file_sha256, by",
        {"approved": "a batch of payouts to funders was approved; its file may be fetched and taken to the bank"},
    ),
    "dispute": Noun(
        "dispute_id, reference, borrower_no, loan_no, kind, ground, amount, state, answer_due_on, credit_mark, "
        "correction_reference, breach, escalated_to",
        {
            "received": "a borrower disputes something, or complains; reminders about it stopped",
            "answered": "staff answered it",
            "answer_missed": "the day for the answer is over without one",
            "escalated": "the borrower is not content with the answer",
            "withdrawn": "the borrower took it back",
        },
    ),
    "hardship": Noun(
        "hardship_request_id, borrower_no, loan_no, state, review_due_on, arrangement, breach",
        {
            "received": "a borrower asked for help; reminders stopped",
            "agreed": "something was agreed",
            "declined": "staff declined it",
            "review_missed": "the day by which it was to be looked at is over",
            "withdrawn": "the borrower took it back",
        },
    ),
    "contact_request": Noun(
        "contact_request_id, borrower_no, kind, place, channel",
        {"recorded": "a borrower said how to be contacted, or not to be", "withdrawn": "they took it back"},
    ),
    "call": Noun(
        "call_id, task_id, borrower_no, loan_no, staff, staff_id",
        {"dial_requested": "a member of staff calls a borrower now; the lender's telephony may connect the two"},
    ),
    "visit": Noun(
        "visit_id, borrower_no, loan_nos, place, from, until, state, outcome, reason",
        {
            "planned": "a visit to a borrower was planned",
            "started": "it has begun",
            "ended": "it is over, and outcome says what came of it",
            "cancelled": "it does not take place; reason says why",
        },
    ),
    "payment_intent": Noun(
        "intent_id, loan_no, borrower_no, amount, purpose, provider, provider_reference, payment_reference, reference, was",
        {
            "created": "a borrower began to pay",
            "pending": "the provider has a page for it",
            "processing": "the money is on its way; reminders wait",
            "succeeded": "the money came, and is booked as `reference`",
            "failed": "it failed for good",
            "cancelled": "it was given up",
            "expired": "its time is over",
        },
    ),
    "payment": Noun(
        "loan_no, reference, overpaid, unapplied", {"overpaid": "more came than was owed, and is to be given back"}
    ),
    "desk_payment": Noun(
        "payment_id, reference, receipt, loan_no, borrower_no, amount, effective_on, method, by",
        {
            "recorded": "staff took money in, and it is booked as `reference`: name it when you tell of this money",
            "reversed": "it was a mistake, and is taken back",
        },
    ),
    "waiver": Noun(
        "waiver_id, reference, loan_no, borrower_no, amount, interest, fees, penalties, reason, effective_on, by",
        {"granted": "staff gave it up: book it under `reference`, and your figures and ours agree again"},
    ),
    "duty": Noun(
        "loan_no, borrower_no, kind, rule, paragraph, evidence, missing, due_on",
        {
            "due_soon": "the last day of a duty of law about a loan is near; missing says what is to be sent or done",
            "missed": "it was not done in time",
        },
    ),
    "charges": Noun(
        "loan_no, borrower_no, rule, from_on, until_on, scope, amount, annual_rate, kept_from",
        {
            "stopped": "a law stops interest on a loan from from_on on: do not ask for it either",
            "resumed": "a stop has its end: interest runs again from until_on on",
            "over_cap": "a loan asks for more than its cap allows; what is above it is not collected from kept_from on",
        },
    ),
    "contact_change": Noun(
        "contact_change_id, borrower_no, kind, state, effective_at",
        {
            "cooling_off": "another phone, e-mail or address is proved, and takes effect at effective_at",
            "done": "it is in force; read it at GET /v1/ingest/borrowers/{borrower_no}/contact-changes",
            "objected": "the borrower objected to it, and it was cancelled",
            "cancelled": "it was cancelled before it took effect",
        },
    ),
    "mandate": Noun(
        "loan_no, borrower_no, reference, provider, state, code, failures, retry_on",
        {
            "pending": "a mandate to draw was given, and is not confirmed yet",
            "active": "what falls due is drawn; reminders are silent",
            "failing": "a draw failed and will be repeated",
            "failed": "draws failed for good; reminders begin again",
            "revoked": "the borrower took it back: draw no more",
            "ended": "it is over",
        },
    ),
    "refund": Noun(
        "refund_id, reference, loan_no, borrower_no, amount, method, state, reason",
        {
            "requested": "it waits for approval",
            "approved": "it is to be paid out",
            "sent": "it was handed to whoever pays it out",
            "done": "it arrived, and is booked",
            "failed": "it could not be paid out",
            "cancelled": "it was given up",
        },
    ),
    "statement_line": Noun(
        "line_reference, booked_on, amount, how, parts ([{loan_no, amount_minor, payment_reference}])",
        {"matched": "a line of a bank statement was booked to its loans"},
    ),
    "webhook": Noun("endpoint", {"test": "you asked for it, at one endpoint"}),
}


def event_types() -> Iterator[tuple[str, str, str]]:
    """Yield (type, when it is told, what its data holds), by noun."""
    for noun, each in NOUNS.items():
        for verb, when in each.verbs.items():
            yield f"{noun}.{verb}.v1", when, each.data


KNOWN_TYPES = frozenset(event_type for event_type, _, _ in event_types())
