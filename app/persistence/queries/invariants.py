"""The oracle: independent, set-based statements about what must never be. None of them is used to decide anything."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Date, bindparam, text
from sqlalchemy.orm import Session

from app.domain.times import EPOCH, to_micros
from app.persistence.column_types import Id, Instant, Json

_PAID_AT = """
  COALESCE((SELECT SUM(x.principal_minor + x.interest_minor + x.fees_minor + x.penalties_minor) FROM allocations x
             WHERE x.loan_id = i.loan_id AND x.row_no = i.row_no AND x.recorded_at <= {at}
               AND (x.replaced_at IS NULL OR x.replaced_at > {at})), 0)
"""
_TOLD_LATE = """
  EXISTS (SELECT 1 FROM ledger_entries g WHERE g.loan_id = i.loan_id AND g.recorded_at <= {at} AND g.imported_at > {at})
"""
"""At that instant the core knew of money that this book had not been told of; what was owed is then not judged."""
_DUE = "(i.principal_minor + i.interest_minor + i.fees_minor + i.penalties_minor)"

_CANDIDATES = text(
    f"""
    SELECT COUNT(*) FROM instalments i
      JOIN loans l ON l.id = i.loan_id
      JOIN lenders e ON e.id = l.lender_id
      JOIN agenda a ON a.borrower_id = i.borrower_id
      JOIN plan_versions v ON v.loan_id = i.loan_id AND v.anchor_no = i.anchor_no
      LEFT JOIN plan_versions n ON n.loan_id = i.loan_id AND n.anchor_no = i.anchor_no + 1
      JOIN step_instants s ON s.lender_id = CAST(l.lender_id AS VARCHAR(36))
           AND s.zone = COALESCE(a.zone, e.zone) AND s.due_on = i.due_on AND s.kind = 'instalment'
      LEFT JOIN position_snapshots p ON p.loan_id = l.id
      LEFT JOIN decisions d ON d.subject_kind = 'instalment'
           AND d.subject_id = CAST(l.id AS VARCHAR(36)) || '/' || CAST(i.row_no AS VARCHAR(12))
           AND d.anchor_no = i.anchor_no AND d.step_key = s.step_key
     WHERE d.id IS NULL AND s.first_micros >= v.watched_from_at AND s.at_micros <= :until
       AND (n.id IS NULL OR s.at_micros < n.watched_from_at)
       AND s.first_micros >= COALESCE(a.zone_since, s.first_micros) AND s.first_micros >= :since
       AND s.first_micros >= COALESCE(l.resumed_at, s.first_micros) AND (l.ended_at IS NULL OR s.at_micros < l.ended_at)
       AND {_DUE} > {_PAID_AT.format(at="s.at_micros")}
       AND NOT (l.status = 'closed' AND p.last_recorded_at <= s.at_micros)
       AND NOT {_TOLD_LATE.format(at="s.at_micros")}
    """  # noqa: S608 constants of this module only
)
"""A loan settled early is closed though its last rows were not paid whole: interest of days to come was not asked for."""
_PROMISE_CANDIDATES = text(
    """
    SELECT COUNT(*) FROM promises p
      JOIN loans l ON l.id = p.loan_id
      JOIN lenders e ON e.id = l.lender_id
      JOIN agenda a ON a.borrower_id = p.borrower_id
      JOIN step_instants s ON s.lender_id = CAST(l.lender_id AS VARCHAR(36))
           AND s.zone = COALESCE(a.zone, e.zone) AND s.due_on = p.promised_on AND s.kind = 'promise'
      LEFT JOIN decisions d ON d.subject_kind = 'promise' AND d.step_key = s.step_key
           AND d.subject_id = CAST(p.loan_id AS VARCHAR(36)) || '/p' || CAST(p.promise_no AS VARCHAR(12))
     WHERE d.id IS NULL AND s.first_micros >= p.open_since AND s.at_micros <= :until AND l.status = 'active'
       AND (p.settled_at IS NULL OR s.at_micros < p.settled_at)
       AND s.first_micros >= COALESCE(a.zone_since, s.first_micros) AND s.first_micros >= :since
    """
)
_PUSHES_AFTER_PAYMENT = text(
    f"""
    SELECT COUNT(*) FROM delivery_attempts t JOIN messages m ON m.id = t.message_id
     WHERE m.contact_id IS NOT NULL AND t.outcome <> 'withheld' AND NOT EXISTS (
       SELECT 1 FROM decisions d
         JOIN instalments i ON i.loan_id = d.loan_id AND i.anchor_no = d.anchor_no AND i.row_no = d.row_no
        WHERE d.contact_id = m.contact_id
          AND ({_DUE} > {_PAID_AT.format(at="t.started_at")} OR {_TOLD_LATE.format(at="t.started_at")}))
       AND NOT EXISTS (
       SELECT 1 FROM decisions d JOIN promises p ON p.loan_id = d.loan_id AND p.promise_no = d.anchor_no
        WHERE d.contact_id = m.contact_id AND d.subject_kind = 'promise' AND p.made_at <= t.started_at
          AND (p.settled_at IS NULL OR p.settled_at > t.started_at))
       AND NOT EXISTS (
       SELECT 1 FROM served_notices s
         JOIN contacts c ON c.id = m.contact_id
         JOIN loans l ON l.id = s.loan_id
         JOIN instalments i ON i.loan_id = l.id AND i.anchor_no = l.anchor_no AND i.due_on < c.local_date
        WHERE s.message_id = m.id
          AND ({_DUE} > {_PAID_AT.format(at="t.started_at")} OR {_TOLD_LATE.format(at="t.started_at")}))
    """  # noqa: S608 constants of this module only
)
"""A served notice is of no decision: it is held against what was overdue of its loan on its day, of whichever instalment."""
_COUNTS: Mapping[str, str] = {
    "decisions_twice": """
        SELECT COUNT(*) FROM (SELECT 1 FROM decisions
                               GROUP BY loan_id, subject_kind, row_no, anchor_no, step_key HAVING COUNT(*) > 1) z""",
    "decisions_without_events": """
        SELECT COUNT(*) FROM decisions d
         WHERE (SELECT COUNT(*) FROM decision_events e WHERE e.decision_id = d.id) <> d.event_count""",
    "contacts_without_decision": """
        SELECT COUNT(*) FROM contacts c WHERE NOT EXISTS (SELECT 1 FROM decisions d WHERE d.contact_id = c.id)
           AND NOT EXISTS (SELECT 1 FROM manual_contacts h WHERE h.contact_id = c.id)
           AND NOT EXISTS (SELECT 1 FROM messages m JOIN served_notices s ON s.message_id = m.id
                            WHERE m.contact_id = c.id)""",
    "sent_decisions_without_message": """
        SELECT COUNT(*) FROM decisions d WHERE d.outcome IN ('SENT', 'CONSOLIDATED')
           AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.contact_id = d.contact_id)""",
    "borrowers_with_two_contacts_in_a_day": """
        SELECT COUNT(*) FROM (SELECT 1 FROM contacts WHERE slot_no IS NOT NULL
                               GROUP BY borrower_id, local_date HAVING COUNT(*) > :most) z""",
    "payments_not_booked_once_of_their_amount": """
        SELECT COUNT(*) FROM payment_intents p WHERE p.state = 'succeeded' AND (
          SELECT COUNT(*) FROM ledger_entries g
           WHERE g.loan_id = p.loan_id AND g.reference = p.entry_reference
             AND (g.amount_minor = p.amount_minor OR g.origin NOT LIKE 'provider:%')) <> 1""",
    "refunds_not_booked_once_of_their_amount": """
        SELECT COUNT(*) FROM refunds r WHERE r.state = 'done' AND r.entry_id IS NOT NULL AND (
          SELECT COUNT(*) FROM ledger_entries g
           WHERE g.loan_id = r.loan_id AND g.reference = r.reference AND g.kind = 'refund'
             AND g.amount_minor = r.amount_minor) <> 1""",
    "loans_that_differ_from_their_mandate": """
        SELECT COUNT(*) FROM payment_mandates m JOIN loans l ON l.id = m.loan_id
         WHERE m.state IN ('pending', 'active', 'failing', 'failed') AND l.autopay <> (m.state = 'active')""",
    "messages_past_their_time": """
        SELECT COUNT(*) FROM messages WHERE state IN ('queued', 'sending', 'stale') AND not_after < :until""",
    "messages_in_the_wrong_lane": """
        SELECT COUNT(*) FROM messages WHERE COALESCE(lane, '') <> CASE
          WHEN state IN ('queued', 'sending', 'stale')
            THEN CASE WHEN message_class IN ('security', 'withdrawal') THEN message_class ELSE channel END
          WHEN state = 'uncertain' THEN 'uncertain'
          WHEN state = 'sent' AND channel IN ('sms', 'voice', 'wechat', 'letter') THEN 'untold'
          ELSE '' END""",
    "loans_with_two_arrangements": """
        SELECT COUNT(*) FROM (SELECT 1 FROM arrangements WHERE state = 'active' GROUP BY loan_id HAVING COUNT(*) > 1) z""",
    "arrangements_of_another_plan": """
        SELECT COUNT(*) FROM arrangements r JOIN loans l ON l.id = r.loan_id
         WHERE r.state = 'active' AND r.anchor_no <> l.anchor_no""",
    "accepted_requests_without_arrangement": """
        SELECT COUNT(*) FROM plan_requests q
         WHERE (q.state = 'accepted') <> EXISTS (SELECT 1 FROM arrangements r WHERE r.request_id = q.id)""",
    "ended_requests_that_hold_reminders": """
        SELECT COUNT(*) FROM plan_requests q JOIN holds h ON h.id = q.hold_id
         WHERE q.ended_at IS NOT NULL AND h.released_at IS NULL""",
    "payments_not_fully_allocated": """
        SELECT COUNT(*) FROM ledger_entries g WHERE g.kind IN ('repayment', 'waiver')
           AND NOT EXISTS (SELECT 1 FROM ledger_entries r WHERE r.reverses_id = g.id)
           AND EXISTS (SELECT 1 FROM position_snapshots p WHERE p.loan_id = g.loan_id)
           AND g.amount_minor <> COALESCE((
             SELECT SUM(x.principal_minor + x.interest_minor + x.fees_minor + x.penalties_minor + x.unapplied_minor)
               FROM allocations x WHERE x.entry_id = g.id AND x.replaced_at IS NULL), 0)""",
    "statement_lines_whose_parts_do_not_add_up": """
        SELECT COUNT(*) FROM statement_lines s
         WHERE COALESCE((SELECT SUM(p.amount_minor) FROM statement_parts p WHERE p.line_id = s.id), 0)
            <> CASE WHEN s.state = 'matched' THEN s.amount_minor ELSE 0 END""",
}


class StepInstant(NamedTuple):
    """When a step is reached for a lender's due date in a zone: between `first` and `latest`, which are mostly the same.

    `kind`: of the subjects it reminds of; the promised day is the due date of a promise.
    """

    kind: str
    lender_id: str
    zone: str
    step_key: str
    due_on: date
    first: datetime
    latest: datetime


class HandedOver(NamedTuple):
    """One hand-over to a provider, with where its borrower might be."""

    contact_id: str
    borrower_id: str
    started_at: datetime
    zones: list[str]
    """The first is the one its day is counted in."""
    slot_no: int | None
    policy_id: str | None


def find_due_dates_and_zones(session: Session) -> tuple[list[tuple[str, str, date]], list[str]]:
    """Return every (kind of subject, lender id, due date), and every zone that steps may be counted in."""
    statement = text(
        "SELECT DISTINCT 'instalment', l.lender_id, i.due_on FROM instalments i JOIN loans l ON l.id = i.loan_id"
        " UNION ALL SELECT DISTINCT 'promise', lender_id, promised_on FROM promises"
    )
    dates = [(str(row[0]), str(row[1]), date.fromisoformat(str(row[2]))) for row in session.execute(statement)]
    zones = session.scalars(text("SELECT zone FROM lenders UNION SELECT zone FROM agenda WHERE zone IS NOT NULL ORDER BY 1"))
    return dates, list(zones)


def count_candidates(session: Session, instants: Iterable[StepInstant], *, since: datetime | None, until: datetime) -> int:
    """Count steps reached from `since` (None: ever) to `until`, while their subject was open as known then, undecided.

    `instants` are computed outside SQL, since offsets are not its business.
    Of a borrower who moved only what was reached since then is judged: where they were before is not kept.
    """
    session.execute(text("CREATE TEMPORARY TABLE step_instants "
                         "(kind VARCHAR(16), lender_id VARCHAR(36), zone VARCHAR(64), step_key VARCHAR(40), "
                         "due_on DATE, first_micros BIGINT, "
                         "at_micros BIGINT)"))  # fmt: skip
    rows = [
        {"s": one.kind, "l": one.lender_id, "z": one.zone, "k": one.step_key, "d": one.due_on, "f": to_micros(one.first),
         "a": to_micros(one.latest)}
        for one in instants
    ]  # fmt: skip
    insert = text("INSERT INTO step_instants VALUES (:s, :l, :z, :k, :d, :f, :a)").bindparams(bindparam("d", type_=Date()))
    for start in range(0, len(rows), 5000):
        session.execute(insert, rows[start : start + 5000])
    session.execute(text("CREATE INDEX ix_step_instants ON step_instants (lender_id, due_on, zone)"))
    span = {"since": to_micros(since or EPOCH), "until": to_micros(until)}
    missing = sum(int(session.scalar(statement, span) or 0) for statement in (_CANDIDATES, _PROMISE_CANDIDATES))
    session.execute(text("DROP TABLE step_instants"))
    return missing


def count_invariants(session: Session, *, until: datetime, contacts_per_day: int) -> dict[str, int]:
    """Return each invariant that one statement can count; every count must be 0."""
    values = {"until": to_micros(until), "most": contacts_per_day}
    counts = {"pushes_after_payment": int(session.scalar(_PUSHES_AFTER_PAYMENT) or 0)}
    for name, statement in _COUNTS.items():
        used = {key: value for key, value in values.items() if f":{key}" in statement}
        counts[name] = int(session.scalar(text(statement), used) or 0)
    return counts


def iterate_handed_over(session: Session) -> Iterator[HandedOver]:
    """Yield every hand-over of a reminder, in no particular order."""
    statement = text(
        """
        SELECT DISTINCT m.contact_id, t.borrower_id, t.started_at, c.zones, c.slot_no,
               (SELECT d.policy_id FROM decisions d WHERE d.contact_id = c.id ORDER BY d.id LIMIT 1) AS policy_id
          FROM delivery_attempts t
          JOIN messages m ON m.id = t.message_id
          JOIN contacts c ON c.id = m.contact_id
         WHERE t.outcome <> 'withheld'
        """
    ).columns(contact_id=Id, borrower_id=Id, started_at=Instant, zones=Json, policy_id=Id)
    for row in session.execute(statement):
        yield HandedOver(*row)


def tally(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    """Return what happened, counted: decisions by step, outcome and reason; messages by channel and state.

    Silent withdrawals are counted apart from the pushes that can be seen.
    """
    decisions = text(
        "SELECT step_key, outcome, reason, COUNT(*) FROM decisions GROUP BY step_key, outcome, reason ORDER BY 1, 2, 3"
    )
    messages = text(
        """
        SELECT CASE WHEN withdraws_id IS NULL THEN channel ELSE 'withdrawal' END, state, COUNT(*)
          FROM messages GROUP BY 1, 2 ORDER BY 1, 2
        """
    )
    return {
        "decisions": [tuple(row) for row in session.execute(decisions)],
        "messages": [tuple(row) for row in session.execute(messages)],
    }
