"""Requests made up from the document, good and bad ones: the answers are those it describes, and never a 5xx.

A bounded number runs here; the same program with more examples is the nightly run (DUECOURSE_FUZZ_EXAMPLES).
"""

import contextlib
import os
import warnings
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from app import clock
from app.domain.disputes import DisputeValues
from app.domain.hardship import HardshipValues
from app.factory import create_app
from app.persistence import schema as database_schema
from app.persistence.db import db, vault
from app.persistence.ids import new_id
from app.persistence.unit_of_work import unit_of_work
from app.services.conversations import Word, add_word
from app.services.disputes import open_dispute
from app.services.hardship import open_request
from app.services.inbox_waits import InboxWaits
from app.services.links import link_token
from app.web.rate_limit import ReadLimit
from tests.api.test_inbox import DUE, tell
from tests.builders.access import a_desk_key, an_ingest_key, signed_in
from tests.builders.book import build_loan, pay
from tests.builders.letters import a_posted_letter
from tests.builders.payments import an_intent
from tests.conftest import START, make_settings
from tests.fakes.payments import FakePayments

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.generation import GenerationMode

RULES_BEYOND_SCHEMAS = {
    "rehearse_escalation_policy",
    "check_escalation_policy",
    "list_bulletin_rows",
    "list_bulletins",
    "make_credit_file",
    "correct_register_report",
    "remove_register_report",
    "decline_escalation_step",
    "stop_escalation",
    "resume_escalation",
    "record_forbearance",
    "post_collateral_notice",
    "list_own_credit_reports",
    "put_own_credit_statement",
    "post_credit_bureau",
    "list_credit_snapshots",
    "post_credit_snapshot",
    "list_credit_rows",
    "decline_credit_snapshot",
    "submit_credit_snapshot",
    "answer_credit_snapshot",
    "post_credit_deletion",
    "list_funders",
    "put_funder",
    "post_share",
    "get_funder_statement",
    "list_payout_batches",
    "list_payees",
    "list_funder_entries",
    "post_payout_batch",
    "decline_payout_batch",
    "post_wind_down",
    "decline_wind_down",
    "list_my_register_reports",
    "list_register_reports",
    "post_register_reports",
    "decide_register_reports",
    "list_register_files",
    "post_register_file",
    "search_borrowers",
    "search_collateral",
    "list_collateral",
    "put_pledge",
    "post_collateral_event",
    "post_appraisal",
    "post_insurance",
    "post_desk_redemption_quote",
    "post_redemption",
    "preview_collateral_sale",
    "post_collateral_sale",
    "approve_collateral_sale",
    "decline_collateral_sale",
    "reverse_collateral_sale",
    "decline_collateral_reversal",
    "post_redemption_quote",
    "unmask_borrower",
    "get_loan_of_borrower",
    "list_timeline",
    "list_notes",
    "add_note",
    "correct_note",
    "post_payment_at_desk",
    "decline_payment_at_desk",
    "reverse_payment_at_desk",
    "post_interest_stop_request",
    "decline_interest_stop_request",
    "post_waiver",
    "decline_waiver",
    "post_contact_change",
    "confirm_contact_change",
    "cancel_contact_change",
    "prove_contact_change",
    "end_borrower_sessions",
    "post_plan_offer",
    "ask_for_rehearsal",
    "list_audit",
    "put_visit_rules",
    "list_desk_conversations",
    "get_balance",
    "get_payoff_quote",
    "get_prepayment_quote",
    "get_statement",
    "list_loans",
    "list_payments",
    "list_inbox",
    "list_inbox_changes",
    "mark_inbox",
    "snooze_message",
    "list_contact_history",
    "list_touched",
    "request_code",
    "issue_tokens",
    "put_device",
    "put_borrower",
    "put_loan",
    "post_payment",
    "post_batch",
    "list_mismatches",
    "list_desk_mismatches",
    "list_spend",
    "list_unmatched_payments",
    "list_uncertain_messages",
    "settle_message",
    "stop_desk_channel",
    "resume_desk_channel",
    "limit_desk_channel",
    "put_hold",
    "make_promises",
    "take_promises",
    "put_promise",
    "post_hold",
    "check_message",
    "check_letter",
    "post_letter",
    "approve_letter",
    "withdraw_letter",
    "post_message",
    "list_sent_messages",
    "change_hold_until",
    "post_attachment",
    "put_attachment_content",
    "list_statement_lines",
    "post_statement_lines",
    "match_statement_line",
    "ignore_statement_line",
    "list_tasks",
    "list_escalations",
    "list_waiting_steps",
    "approve_escalation_steps",
    "draft_escalation_policy",
    "list_duties",
    "list_capped_loans",
    "list_interest_stops",
    "list_provider_templates",
    "ask_law",
    "put_case_record",
    "close_task",
    "release_hold",
    "put_preferences",
    "put_quiet_hours",
    "put_consents",
    "list_policies",
    "list_rehearsals",
    "list_rehearsal_lines",
    "submit_policy",
    "post_call",
    "list_call_tasks",
    "claim_next_call_task",
    "dial_call_task",
    "dial_borrower",
    "tell_call_outcome",
    "list_visits",
    "plan_visit",
    "end_visit",
    "post_visit_attachment",
    "post_callback",
    "post_callback_by_word",
    "get_callback",
    "get_callback_by_word",
    "list_conversations",
    "list_words",
    "post_word",
    "post_reply",
    "post_desk_reply",
    "post_desk_note",
    "post_desk_attachment",
    "put_desk_attachment_content",
    "assign_conversation",
    "move_conversation",
    "change_conversation",
    "post_canned_response",
    "change_canned_response",
    "approve_canned_response",
    "retire_canned_response",
    "post_desk_macro",
    "put_service_levels",
    "create_payment_intent",
    "list_payment_intents",
    "list_payment_events",
    "list_desk_payment_intents",
    "post_payment_event",
    "return_from_payment",
    "put_webhook_endpoint",
    "replay_webhook_endpoint",
    "list_webhook_deliveries",
    "list_webhook_events",
    "list_disputes",
    "post_dispute",
    "list_desk_disputes",
    "answer_dispute",
    "list_hardship_requests",
    "post_hardship_request",
    "list_desk_hardship_requests",
    "decide_hardship_request",
    "list_own_letters",
    "list_posted_letters",
    "record_delivery_proof",
    "post_contact_request",
    "escalate_dispute",
    "put_mandate",
    "post_draw",
    "post_refund",
    "post_desk_refund",
    "cancel_refund",
    "cancel_arrangement",
    "approve_plan_request",
    "decline_plan_request",
    "post_desk_plan_request",
    "post_plan_request",
    "approve_refund",
    "prove",
    "list_desk_plan_requests",
    "list_lender_refunds",
    "list_plan_requests",
    "begin_staff_sign_in",
    "finish_staff_sign_in",
    "open_staff_invitation",
    "accept_staff_invitation",
    "switch_lender",
    "prove_second_factor",
    "change_password",
    "invite_staff",
    "change_staff_membership",
}
EXAMPLES = int(os.environ.get("DUECOURSE_FUZZ_EXAMPLES", "8"))


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The app on SQLite with one borrower who has one of everything; (schema, headers by credential, real ids)."""
    folder = tmp_path_factory.mktemp("contract")
    app: Flask = create_app(make_settings(f"sqlite:///{folder / 'x.db'}", folder, public_docs=True))
    app.extensions["duecourse.read_limit"] = ReadLimit(per_second=1e9, burst=1e9)
    app.extensions["duecourse.inbox_waits"] = InboxWaits(0)  # nothing here would wake one that waits
    with app.app_context():
        database_schema.upgrade(db.engine)
        clock.use(lambda: START)
        loan = build_loan(now=START, due=DUE, name="Ann", phone="+8613812345678")
        pay(loan, 1_000, now=START)
        headers = {
            "borrower": signed_in(loan.borrower_id),
            "ingest": an_ingest_key(loan.lender_id),
            "desk": a_desk_key(loan.lender_id),
        }
        with unit_of_work() as work:
            word = add_word(work, loan.borrower_id, Word("test:1", "sms", "Hello", at=START), now=START)
            complaint = DisputeValues("complaint", "other", "Rude.")
            dispute_id = open_dispute(work, loan.borrower_id, loan.loan_id, complaint, now=START)
            hardship_request_id = open_request(work, loan.borrower_id, HardshipValues("other"), now=START)
        ids = {"loan_id": loan.loan_id, "message_id": tell(loan), "loan_no": loan.loan_no, "borrower_no": loan.borrower_no}
        ids |= {"key": "pay", "token": link_token(vault(), ids["message_id"], expires_at=START + timedelta(days=1))}
        app.extensions["duecourse.payments"] = {"stripe": FakePayments("stripe")}
        with unit_of_work() as work:
            ids["intent_id"] = new_id()
            work.session.add(an_intent(loan, ids["intent_id"], now=START))
        ids["conversation_id"] = word.conversation_id
        ids["letter_id"] = a_posted_letter(loan, now=START)
        ids |= {"dispute_id": dispute_id, "hardship_request_id": hardship_request_id}
        db.session.remove()
    yield schemathesis.openapi.from_wsgi("/openapi.json", app), headers, ids
    clock.use(clock.system_now)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_are_those_the_document_describes(fuzzed: Any, mode: GenerationMode) -> None:
    document, headers, ids = fuzzed
    tried = 0
    for result in document.get_all_operations():
        operation = result.ok()
        if operation.definition.raw["operationId"] == "log_out":
            continue  # it would end the session that all others use
        with contextlib.suppress(Unsatisfiable):  # nothing wrong can be said where nothing is asked
            _fuzz(operation, mode, headers, ids)
            tried += 1
    assert tried > 15


def _beyond_schemas(operation: Any) -> list[Any]:
    """Some rules no schema can say: a zone that exists, a phone that can, a signed cursor, two currencies that agree."""
    name = operation.definition.raw["operationId"]
    return [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")] if name in RULES_BEYOND_SCHEMAS else []


def _fuzz(operation: Any, mode: GenerationMode, headers: dict[str, dict[str, str]], ids: dict[str, str]) -> None:
    security = operation.definition.raw["security"]
    credential = headers[next(iter(security[0]))] if security else {}

    @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Any, real: bool) -> None:
        good = mode is GenerationMode.POSITIVE
        if good and real and case.path_parameters:
            case.path_parameters.update({name: ids[name] for name in case.path_parameters if name in ids})
        own = {} if not good and "Authorization" in (case.headers or {}) else credential
        case.call_and_validate(headers=own, excluded_checks=_beyond_schemas(operation))

    run()
