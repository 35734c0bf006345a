"""The lists of a borrower's page, made of rows as `queries/borrower_page_lists` reads them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from app.domain.holds import Hold
from app.domain.money import Money
from app.domain.splits import Split
from app.persistence.queries.borrower_page_lists import DECISIONS
from app.persistence.vault import Vault
from app.services import borrower_page_parts as parts
from app.services.borrower_page_parts import MOST_LISTED
from app.services.explained_decisions import decision_words
from app.services.notes import note_place

_Shown = TypeVar("_Shown")


def listed(
    ring: Vault, who: Any, lists: dict[str, list[Any]], more: list[str], *, now: datetime, locale: str, zone: str
) -> dict[str, Any]:
    """Return the fields of a `BorrowerPage` that are lists, and its outlook; names of lists that go on go into `more`."""
    splits = splits_of(lists["splits"])

    def shown(name: str, make: Callable[[Any], _Shown], most: int = MOST_LISTED) -> list[_Shown]:
        rows: Sequence[Any] = lists[name]
        if len(rows) > most:
            more.append(name)
        return [make(row) for row in rows[:most]]

    documents = [*shown("attachments", _attachment), *shown("letters", _letter)]
    return {
        "payments": shown("payments", lambda row: _payment(row, splits)),
        "holds": shown("holds", lambda row: _hold(row, now)),
        "consents": _newest_words(lists["consents"]),
        "wishes": shown("wishes", lambda row: parts.WishOnPage(*row)),
        "devices": shown("devices", lambda row: parts.DeviceOnPage(*row)),
        "endpoints": shown("endpoints", lambda row: parts.EndpointOnPage(*row)),
        "promises": shown("promises", _promise),
        "arrangements": shown("arrangements", lambda row: parts.ArrangementOnPage(*row)),
        "plan_requests": shown("plan_requests", lambda row: parts.PlanRequestOnPage(*row)),
        "disputes": shown("disputes", _dispute),
        "hardship": shown("hardship", _hardship),
        "contact_requests": shown("contact_requests", lambda row: parts.ContactRequestOnPage(*row)),
        "documents": sorted(documents, key=lambda each: (each.created_at, each.id), reverse=True)[:MOST_LISTED],
        "tasks": shown("tasks", _task),
        "conversations": shown("conversations", lambda row: parts.ConversationOnPage(*row)),
        "mandates": shown("mandates", lambda row: parts.MandateOnPage(*row)),
        "intents": shown("intents", _intent),
        "refunds": shown("refunds", _refund),
        "collateral": shown("collateral", lambda row: parts.CollateralOnPage(*row)),
        "sessions": shown("sessions", lambda row: parts.SessionOnPage(*row)),
        "notes": shown("notes", lambda row: _note(ring, row)),
        "decisions": shown("decisions", lambda row: _decision(row, locale, zone), DECISIONS - 1),
        "outlook": parts.Outlook(shown("queued", lambda row: parts.QueuedOnPage(*row)), who.wake_at),
    }


def splits_of(rows: Sequence[Any]) -> dict[str, list[parts.PaymentSplit]]:
    """Return entry id -> what it did to each row."""
    found: dict[str, list[parts.PaymentSplit]] = defaultdict(list)
    for row in rows:
        split = Split(row.principal_minor, row.interest_minor, row.fees_minor, row.penalties_minor)
        found[row.entry_id].append(parts.PaymentSplit(row.row_no, split, row.unapplied_minor))
    return found


def _payment(row: Any, splits: dict[str, list[parts.PaymentSplit]]) -> parts.PaymentOnPage:
    return parts.PaymentOnPage(
        row.id, row.loan_no, row.kind, Money(row.amount_minor, row.currency), row.effective_on, row.recorded_at,
        row.reference, row.channel, row.reverses_id, row.is_reversed, splits.get(row.id, []),
    )  # fmt: skip


def _hold(row: Any, now: datetime) -> parts.HoldOnPage:
    stands = Hold(row.kind, row.from_at, row.until_at, row.recorded_at, released_at=row.released_at).stands(now)
    return parts.HoldOnPage(
        row.id, row.kind, row.loan_no, row.from_at, row.until_at, stands, row.by, row.recorded_at, row.released_at,
        row.released_by,
    )  # fmt: skip


def _newest_words(rows: Sequence[Any]) -> list[parts.ConsentOnPage]:
    """Return the newest word of each purpose and channel, of rows that are newest first."""
    found: dict[tuple[str, str], parts.ConsentOnPage] = {}
    for row in rows:
        found.setdefault((row.purpose, row.channel), parts.ConsentOnPage(*row))
    return [found[key] for key in sorted(found)]


def _promise(row: Any) -> parts.PromiseOnPage:
    return parts.PromiseOnPage(
        row.id, row.loan_no, Money(row.amount_minor, row.currency), Money(row.paid_minor, row.currency), row.promised_on,
        row.state, row.made_by, row.channel, row.made_at,
    )  # fmt: skip


def _dispute(row: Any) -> parts.DisputeOnPage:
    amount = None if row.amount_minor is None else Money(row.amount_minor, row.currency)
    return parts.DisputeOnPage(
        row.id, row.reference, row.loan_no, row.kind, row.ground, row.state, amount, row.received_at, row.answer_due_on,
        row.taken_by, row.breached_at is not None,
    )  # fmt: skip


def _hardship(row: Any) -> parts.HardshipOnPage:
    return parts.HardshipOnPage(
        row.id, row.loan_no, row.state, row.opened_at, row.review_due_on, row.taken_by, row.breached_at is not None
    )


def _attachment(row: Any) -> parts.DocumentOnPage:
    return parts.DocumentOnPage(row.id, "attachment", row.purpose, row.state, row.media_type, None, row.created_at)


def _letter(row: Any) -> parts.DocumentOnPage:
    return parts.DocumentOnPage(row.id, "letter", row.template, row.state, "application/pdf", row.pages, row.created_at)


def _task(row: Any) -> parts.TaskOnPage:
    return parts.TaskOnPage(
        row.id, row.kind, row.queue, row.loan_no, row.due_on, row.due_at, row.not_before, row.not_after, row.breach,
        row.created_at,
    )  # fmt: skip


def _intent(row: Any) -> parts.IntentOnPage:
    return parts.IntentOnPage(
        row.id, row.loan_no, Money(row.amount_minor, row.currency), row.purpose, row.state, row.provider, row.created_at,
        row.paid_at,
    )  # fmt: skip


def _refund(row: Any) -> parts.RefundOnPage:
    return parts.RefundOnPage(
        row.id, row.loan_no, Money(row.amount_minor, row.currency), row.state, row.method, row.requested_at, row.closed_at
    )


def _note(ring: Vault, row: Any) -> parts.NoteOnPage:
    text = ring.open(row.text_sealed, place=note_place(row.id, row.version_no)) or ""
    return parts.NoteOnPage(row.id, text, row.by, row.pinned, row.version_no, row.written_at, row.corrected_at)


def _decision(row: Any, locale: str, zone: str) -> parts.DecisionOnPage:
    words = decision_words(row.outcome, row.reason, row.rule, row.not_before, row.facts or {}, locale, zone)
    return parts.DecisionOnPage(
        row.id, row.loan_no, row.step_key, row.local_date, row.decided_at, row.outcome, row.reason, words
    )
