"""A book of borrowers with full cases, in which a seventh of the loans has a reminder step on the day that is measured.

Each loan has twelve rows or more of which some are paid; nine of ten borrowers have a phone with the app; the steps of the
last ten days are decided, with their events, contacts and messages. Four loans in five are a borrower's only one.

`EARLY` borrowers, always as many, live where the step's hour comes first: a sweep at `FIRST_WAVE_AT` has the same work in
a book of any size, spread over all of it. All others wait for `SECOND_WAVE_AT`.
"""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import orjson
from sqlalchemy import Engine, select

from app.domain.reasons import Outcome, Reason
from app.domain.times import to_micros
from app.persistence.ids import new_id
from app.persistence.models.devices import DeviceRow
from app.persistence.models.reminders import AgendaRow, ContactRow
from app.persistence.unit_of_work import reading
from app.persistence.vault import Vault
from app.services.policies import load_rules
from bench.books.loading import Loader, loading

DAY = date(2026, 3, 10)
BEFORE = datetime(2026, 3, 10, 8, 30, tzinfo=UTC)
"""Nobody is due."""
FIRST_WAVE_AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
SECOND_WAVE_AT = datetime(2026, 3, 10, 10, 0, tzinfo=UTC)
EARLY = 1000
EARLY_ZONE, LATE_ZONE = "Europe/Berlin", "Etc/UTC"
KNOWN_AT = datetime(2025, 6, 1, tzinfo=UTC)
HISTORY_DAYS = 10
PLAN_ROWS = 18
CYCLE = 28
"""Days between two rows of a plan, and so over which the loans' due dates are spread."""
STEPS = {-7: "d-7", -3: "d-3", -1: "d-1", 0: "d+0", 1: "d+1", 3: "d+3", 7: "d+7", 15: "d+15", 30: "d+30"}
BEFORE_DUE = (7, 3, 1, 0)
PRINCIPAL, INTEREST = 9000, 1000


def build_reminder_book(engine: Engine, vault: Vault, *, loans: int) -> None:
    """Write the book. Needs the schema and an active policy."""
    with reading() as session:
        rules = load_rules(session)
    assert rules is not None
    borrowers = loans * 4 // 5
    with loading(engine) as loader:
        _Book(loader, vault, rules.policy.policy_id, rules.rules_epoch, borrowers).write()


class _Book:
    def __init__(self, loader: Loader, vault: Vault, policy_id: str, epoch: int, borrowers: int) -> None:
        self.add = loader.add
        self.vault, self.policy_id, self.epoch, self.borrowers = vault, policy_id, epoch, borrowers
        self.stride = max(1, borrowers // EARLY)
        numbers = count(1)
        self.new_id = lambda: f"01900000-0000-7000-8000-{next(numbers):012x}"
        """Ascends as real ids do."""
        self.lender_id = self.new_id()
        self.known = to_micros(KNOWN_AT)

    def write(self) -> None:
        self.add(
            "lenders", id=self.lender_id, code="bench", name="Bench", jurisdiction="GB", zone="Etc/UTC", currency="GBP",
            recorded_at=self.known,
        )  # fmt: skip
        for number in range(self.borrowers):
            self._borrower(number)

    def _borrower(self, number: int) -> None:
        borrower_id = self.new_id()
        is_early = number % self.stride == 0 and number // self.stride < EARLY
        kind = number // self.stride if is_early else number  # so that the early ones are alike in every book
        zone = EARLY_ZONE if is_early else LATE_ZONE
        hour = FIRST_WAVE_AT if is_early else SECOND_WAVE_AT
        self.add(
            "borrowers", id=borrower_id, borrower_no=f"B{number}", locale="en" if kind % 2 else "zh-CN", zone=zone,
            phone_zones=orjson.dumps([zone]).decode(), flags="[]", recorded_at=self.known, updated_at=self.known,
            name_sealed=self.vault.seal(f"Person {number}", place=f"borrowers.name:{borrower_id}"),
        )  # fmt: skip
        if kind % 10 != 9:
            self._phone(borrower_id, number, zone)
        taken: set[date] = set()
        waits = []
        for loan in range(2 if kind % 4 == 0 else 1):
            days = BEFORE_DUE[kind // 4 % len(BEFORE_DUE)] if is_early else (kind * 5 + kind // CYCLE) % CYCLE
            days = (days + loan * 4) % CYCLE  # so that some have two steps on one day
            waits.append(self._loan(borrower_id, f"L{number}-{loan}", days, kind, hour, taken))
        self.add(
            "agenda", borrower_id=borrower_id, wake_at=to_micros(hour + timedelta(days=min(waits))), case_version=3,
            decided_version=3, rules_epoch=self.epoch, decided_until=to_micros(hour - timedelta(days=1)), zone=zone,
        )  # fmt: skip

    def _phone(self, borrower_id: str, number: int, zone: str) -> None:
        device_id, endpoint_id, token = self.new_id(), self.new_id(), f"token-{number}"
        self.add(
            "devices", id=device_id, borrower_id=borrower_id, installation_id=token, platform="android", zone=zone,
            push_permission=True, last_seen_at=self.known, created_at=self.known,
        )  # fmt: skip
        self.add(
            "endpoints", id=endpoint_id, borrower_id=borrower_id, device_id=device_id, channel="push",
            address_kind="token", address_digest=f"{number:040x}", changed_at=self.known,
            address_sealed=self.vault.seal(token, place=f"endpoints.address:{endpoint_id}"),
        )  # fmt: skip

    def _loan(self, borrower_id: str, loan_no: str, days: int, kind: int, hour: datetime, taken: set[date]) -> int:
        """Write a loan whose next row is due in `days`; every twentieth has the row before it open as well.

        Returns the days until its next step.
        """
        loan_id = self.new_id()
        paid = kind % 6
        late = 1 if kind % 20 == 5 and paid else 0
        dues = [DAY + timedelta(days=days + CYCLE * (row - paid)) for row in range(PLAN_ROWS)]
        self.add(
            "loans", id=loan_id, borrower_id=borrower_id, lender_id=self.lender_id, loan_no=loan_no, currency="GBP",
            zone="Etc/UTC", principal_minor=PLAN_ROWS * PRINCIPAL, contract='{"method":"given"}', anchor_no=1,
            recorded_at=self.known, imported_at=self.known,
        )  # fmt: skip
        self.add(
            "plan_versions", id=self.new_id(), borrower_id=borrower_id, loan_id=loan_id, anchor_no=1,
            recorded_at=self.known, imported_at=self.known, watched_from_at=self.known, origin="bench", content_hash="",
        )  # fmt: skip
        written = [f"{due}" for due in dues]
        for row_no, due_on in enumerate(written, start=1):
            self.add(
                "instalments", id=self.new_id(), borrower_id=borrower_id, loan_id=loan_id, anchor_no=1, row_no=row_no,
                due_on=due_on, principal_minor=PRINCIPAL, interest_minor=INTEREST,
            )  # fmt: skip
        first_open = paid - late
        open_rows = [[row + 1, written[row], PRINCIPAL, INTEREST, 0, 0] for row in range(first_open, PLAN_ROWS)]
        self.add(
            "position_snapshots", loan_id=loan_id, borrower_id=borrower_id, version=paid + 1, anchor_no=1,
            principal_balance_minor=PRINCIPAL * len(open_rows), unapplied_minor=0,
            open_rows=orjson.dumps(open_rows).decode(),
            last_effective_on=written[first_open - 1] if first_open else None,
            last_recorded_at=to_micros(hour - timedelta(days=CYCLE - days + 1)) if first_open else None,
        )  # fmt: skip
        for row in {max(0, paid - 1), paid}:
            for offset, step in STEPS.items():
                on = dues[row] + timedelta(days=offset)
                is_open = row >= first_open or offset <= 0
                if is_open and DAY - timedelta(days=HISTORY_DAYS) <= on < DAY:
                    self._history(borrower_id, loan_id, row + 1, step, hour - (DAY - on), offset, on, on in taken)
                    taken.add(on)
        steps = [(dues[row] - DAY).days + offset for row in {first_open, paid} for offset in STEPS]
        return min(wait for wait in steps if wait >= 0)

    def _history(
        self, borrower_id: str, loan_id: str, row_no: int, step: str, at: datetime, offset: int, on: date, is_second: bool
    ) -> None:
        contact_id, decision_id, moment, day = self.new_id(), self.new_id(), to_micros(at), f"{on}"
        outcome, reason = (Outcome.SUPPRESSED, Reason.CAP_PERSON) if is_second else (Outcome.SENT, Reason.ON_SCHEDULE)
        self.add(
            "decisions", id=decision_id, borrower_id=borrower_id, loan_id=loan_id, subject_kind="instalment",
            subject_id=f"{loan_id}/{row_no}", row_no=row_no, anchor_no=1, step_key=step, policy_id=self.policy_id,
            occurs_at=moment, local_date=day, outcome=outcome.value, reason=reason.value, decided_at=moment,
            contact_id=None if is_second else contact_id,
        )  # fmt: skip
        self.add(
            "decision_events", decision_id=decision_id, seq=1, borrower_id=borrower_id, at=moment, outcome=outcome.value,
            reason=reason.value, channels="[]" if is_second else '["in_app","push"]', facts='{"open_minor":10000}',
        )  # fmt: skip
        if is_second:
            return
        kind = "reminder" if offset <= 0 else "collection"
        self.add(
            "contacts", id=contact_id, borrower_id=borrower_id, message_class=kind, local_date=day, slot_no=1,
            stage="upcoming", step_key=step, created_at=moment,
        )  # fmt: skip
        sealed = self.vault.seal('{"title":"Due","body":"An instalment is due."}', place=f"messages.text:{contact_id}")
        common: dict[str, Any] = {
            "borrower_id": borrower_id, "contact_id": contact_id, "message_class": kind, "template": "due_soon",
            "template_version": 1, "locale": "en", "text_sealed": sealed, "not_before": moment,
            "not_after": to_micros(at + timedelta(hours=10)), "next_attempt_at": moment, "created_at": moment,
            "sent_at": moment, "lane": None, "case_version": 2, "rules_epoch": self.epoch,
        }  # fmt: skip
        self.add("messages", id=self.new_id(), channel="in_app", state="delivered", **common)
        self.add("messages", id=self.new_id(), channel="push", state="sent", attempts=1, **common)


def queue_messages(engine: Engine, vault: Vault) -> int:
    """Queue one push message at `BEFORE` for every borrower who has a phone; return how many."""
    with reading() as session:
        statement = (
            select(AgendaRow.borrower_id, AgendaRow.case_version, AgendaRow.rules_epoch, ContactRow.id)
            .join(ContactRow, ContactRow.borrower_id == AgendaRow.borrower_id)
            .join(DeviceRow, DeviceRow.borrower_id == AgendaRow.borrower_id)
            .where(ContactRow.slot_no == 1)
        )
        found = {row[0]: row for row in session.execute(statement)}
    moment = to_micros(BEFORE)
    with loading(engine) as loader:
        for borrower_id, case_version, epoch, contact_id in found.values():
            message_id = new_id()
            sealed = vault.seal('{"title":"News","body":"Open the app to read it."}', place=f"messages.text:{message_id}")
            loader.add(
                "messages", id=message_id, borrower_id=borrower_id, contact_id=contact_id, channel="push",
                message_class="reminder", template="due_soon", template_version=1, locale="en", text_sealed=sealed,
                state="queued", lane="push", not_before=moment, not_after=to_micros(BEFORE + timedelta(hours=10)),
                next_attempt_at=moment, created_at=moment, case_version=case_version, rules_epoch=epoch,
            )  # fmt: skip
    return len(found)
