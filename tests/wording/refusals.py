"""What modules refuse with, read from their source: every sentence that goes into an error with a stable code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from app.domain import errors

_APP = Path(__file__).resolve().parents[2] / "app"
_LAYERS = ("domain", "wording", "services", "api", "console")
_REFUSE = {name for name, value in vars(errors).items() if isinstance(value, type) and name.endswith("Error")} | {
    "LetterRefusedError", "refused_at", "refused", "_wrong",
}  # fmt: skip
_OF_OPERATORS = re.compile(r"^Register 12|^Days ahead of an alarm|^alarms\.yaml|^12 has no column|^12, line 12|^12\.12: ")
"""About files that ship or that operators write: told on the command line, in English."""
_IN_PIECES = {
    "12 is not known12": "'setps' is not known; did you mean 'steps'?",
    "12 is no 1212": "'lettre' is no template; did you mean 'letter'?",
    "12 is no step before this one12": "'frist' is no step before this one; did you mean 'first'?",
    "There is nothing to tell 12 since its last file.12": "There is nothing to tell CN-R since its last file. These reports "
    "wait, because a gate has shut since they were approved: 1 (OPEN_DISPUTE).",
    "12; give this step another key.": "notice is of kind referral in default v1; give this step another key.",
    "The law does not allow it now. 12.": "The law does not allow it now. US-VALID (12 CFR 1006.34): Validation notice.",
}
"""Sentences that are put together before they are said: as they are in the end."""
NOT_YET = (
    "domain/allocation", "domain/allocation_orders", "domain/amortisation", "domain/apr", "domain/arrangements",
    "domain/book", "domain/calendars", "domain/case_records", "domain/consents", "domain/contact_hours",
    "domain/contract_forms", "domain/disputes", "domain/experiments", "domain/hardship", "domain/hold_terms",
    "domain/ledger", "domain/mandates", "domain/money", "domain/option_limits", "domain/option_offers",
    "domain/option_rules", "domain/payment_reconciliation", "domain/periods", "domain/plan_requests",
    "domain/preferences", "domain/promise_terms", "domain/promises", "domain/quotes", "domain/rates", "domain/refunds",
    "domain/replans", "domain/service_levels", "domain/times", "domain/visits", "domain/webhook_urls",
    "wording/provider_wordings", "services/already_told", "services/api_keys", "services/arrangements",
    "services/attachments", "services/batches", "services/book", "services/borrower_people", "services/borrower_search",
    "services/borrower_sessions", "services/borrowers", "services/calendar_files", "services/calendars",
    "services/call_cards", "services/call_outcomes", "services/call_tasks", "services/calls", "services/canned_replies",
    "services/case_records", "services/channel_switches", "services/contact_change_rules", "services/contact_data",
    "services/contact_gates", "services/conversations", "services/delivery_figures", "services/desk_conversations",
    "services/desk_limits", "services/desk_payments", "services/desk_replies", "services/devices", "services/disputes",
    "services/experiment_figures", "services/experiments", "services/explanations", "services/hardship", "services/holds",
    "services/imports/checking", "services/imports/map_checks", "services/imports/maps", "services/imports/reading",
    "services/imports/runs", "services/imports/values", "services/inbox", "services/inbox_marks", "services/law_packs",
    "services/law_questions", "services/lenders", "services/links", "services/loan_accounts", "services/loan_pages",
    "services/loans", "services/locales", "services/mandates", "services/manual_messages", "services/opt_outs",
    "services/passwords", "services/pay_links", "services/payment_batches", "services/payment_intents",
    "services/payment_pages", "services/payments", "services/phones", "services/plan_approvals", "services/plan_options",
    "services/plan_requests", "services/policies", "services/policy_desk", "services/policy_documents",
    "services/policy_files", "services/policy_review", "services/policy_versions", "services/promises",
    "services/provider_templates", "services/quotes", "services/receipts", "services/refund_rules",
    "services/refund_settling", "services/refunds", "services/rehearsals/channel_figures", "services/rehearsals/rules",
    "services/rehearsals/runs", "services/rehearsals/settings", "services/rehearsals/stored", "services/sessions",
    "services/sign_in", "services/staff", "services/staff_profiles", "services/staff_sessions", "services/statement_desk",
    "services/statement_lines", "services/statement_tellings", "services/step_up", "services/tapes", "services/tasks",
    "services/timelines", "services/told_by_desk", "services/told_by_provider", "services/transfer_settings",
    "services/uncertain_messages", "services/unsubscribe", "services/visit_files", "services/visit_views",
    "services/visits", "services/webhooks", "services/wechat_confirmations", "api/borrower/inbox_marks",
    "api/borrower/wechat", "api/callbacks/payments", "api/callbacks/receive", "api/callbacks/wechat_links",
    "api/desk/call_tasks", "api/desk/operations", "api/desk/policies", "api/desk/rehearsals", "api/desk/service_levels",
    "api/desk/waivers", "api/ingest/payments", "api/ingest/records", "api/pay", "console/asked", "console/borrower_cases",
    "console/frame", "console/plan_offers",
)  # fmt: skip
"""Modules with refusals that have no Chinese words yet. The list only gets shorter."""


def refusals_by_module() -> dict[str, list[str]]:
    """Return module (as `services/letters`) -> its sentences; 12 stands for whatever differs each time."""
    found = {}
    for layer in _LAYERS:
        for path in sorted((_APP / layer).rglob("*.py")):
            said = [
                text for text in _sentences(ast.parse(path.read_text(encoding="utf-8"))) if not _OF_OPERATORS.search(text)
            ]
            if said:
                found[path.relative_to(_APP).with_suffix("").as_posix()] = [_IN_PIECES.get(text, text) for text in said]
    return found


def _sentences(tree: ast.Module) -> Iterator[str]:
    """Yield what is said where an error is made, also where the sentence was given a name before."""
    arguments = [argument for call in _calls(tree) for argument in call.args]
    names = {argument.id for argument in arguments if isinstance(argument, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id in names for to in node.targets):
            arguments.append(node.value)
    for argument in arguments:
        yield from (text for text in _texts(argument) if " " in text)


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in _REFUSE:
            yield node


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "12" for part in node.values)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
