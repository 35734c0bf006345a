"""Registers of an authority or association to which borrowers may be reported, on which basis, under which gates.

A register is data (content/registers): who keeps it, on which bases, what may be handed over, how long after a notice, how
long a report may stand, and by when it is taken off. A public list of debtors is not among them: only figures are public.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.domain.actors import same_person
from app.domain.errors import ConflictError, ForbiddenError, refused_at
from app.domain.times import business_date

FIELDS = (
    "name", "national_id", "loan_no", "signed_on", "currency", "principal", "outstanding", "overdue",
    "days_past_due", "overdue_since",
)  # fmt: skip
"""What there is to hand over of a report. `name` and `national_id` are the borrower's."""


DAY_OF_FILE, DAY_OF_APPROVAL = "file", "approval"
"""Of which day the amounts in a file are: the file's own, or the one on which the report was approved."""


class ReportState(StrEnum):
    """Where a report is."""

    WAITING = "waiting"
    """Somebody asked for it; a second person decides."""
    DECLINED = "declined"
    STANDING = "standing"
    """Handed over, or to be with the next file."""
    REMOVED = "removed"


MOVES: Mapping[ReportState, frozenset[ReportState]] = {
    ReportState.WAITING: frozenset({ReportState.STANDING, ReportState.DECLINED}),
    ReportState.STANDING: frozenset({ReportState.REMOVED}),
    ReportState.DECLINED: frozenset(),
    ReportState.REMOVED: frozenset(),
}


class Gate(StrEnum):
    """Why a report does not happen; the first that applies is named, in this order."""

    ALREADY_REPORTED = "ALREADY_REPORTED"
    NOT_IN_ARREARS = "NOT_IN_ARREARS"
    OPEN_DISPUTE = "OPEN_DISPUTE"
    HOLD = "HOLD"
    NO_NOTICE_DELIVERED = "NO_NOTICE_DELIVERED"
    NOTICE_TOO_RECENT = "NOTICE_TOO_RECENT"
    NOTICE_TOO_OLD = "NOTICE_TOO_OLD"
    """It counts no more, or was about arrears before those of now."""
    FORBEARANCE_NOT_CONSIDERED = "FORBEARANCE_NOT_CONSIDERED"
    CAP_UNKNOWN = "CAP_UNKNOWN"
    OVER_CAP = "OVER_CAP"
    NO_CONSENT = "NO_CONSENT"
    LAW = "LAW"
    LEFT_OUT = "LEFT_OUT"
    """Another lender's loan, or none that is known here."""


class RemovalReason(StrEnum):
    """Why a report is taken off a register."""

    PAID = "paid"
    DISPUTE_UPHELD = "dispute_upheld"
    RETENTION_ENDED = "retention_ended"
    HOLD = "hold"
    NOTICE_RETURNED = "notice_returned"
    """The notice it rests on turned out not to have come."""
    OUR_ERROR = "our_error"
    LAW = "law"


@dataclass(frozen=True, slots=True)
class Basis:
    """A legal basis. `grade`: primary, secondary or recalled; what is not primary says so wherever it is shown."""

    key: str
    source: str
    grade: str
    words: Mapping[str, str]
    """By locale: what it says, for borrowers and staff."""

    @property
    def is_verified(self) -> bool:
        """Whether its text was read in the law itself."""
        return self.grade == "primary"


@dataclass(frozen=True, slots=True)
class Register:
    """One register. Days are calendar days where the loan is."""

    key: str
    name: Mapping[str, str]
    kept_by: str
    kind: str
    """authority, association."""
    jurisdictions: tuple[str, ...]
    share_kind: str
    """transfer (to another handler) or entrust (to a processor): what the law packs ask of `share_data`."""
    bases: Mapping[str, Basis]
    fields: tuple[str, ...]
    notice_kinds: tuple[str, ...]
    wait_days: int
    """After the notice was delivered: from the day after so many days have passed."""
    notice_valid_days: int
    """A notice delivered longer ago proves nothing any more."""
    least_days_past_due: int
    forbearance_within_days: int | None
    """Another plan has to have been considered so many days before; None: not asked of this register."""
    needs_cap: bool
    removal_days: int
    """After what was owed is paid, or an objection was upheld: by the end of that day it is off the register."""
    keep_years: int
    """From the report on; then it is removed."""
    objection: Mapping[str, str]
    """How a borrower objects, by locale."""
    amounts_of: str = DAY_OF_FILE
    """file or approval: of which day the amounts are that a file hands over."""

    def basis(self, key: str) -> Basis:
        """Return the basis of that name. Raises ValidationError: this register rests on others."""
        try:
            return self.bases[key]
        except KeyError:
            raise refused_at("/basis", f"{self.key} rests on {', '.join(self.bases)}, not on {key!r}.") from None

    def check_fields(self, fields: Sequence[str]) -> tuple[str, ...]:
        """Return what is handed over; of none named, all that may be. Raises ValidationError for what may not."""
        more = [name for name in fields if name not in self.fields]
        if more:
            raise refused_at("/fields", f"{self.key} may be told {', '.join(self.fields)}, not {', '.join(more)}.")
        return tuple(name for name in self.fields if not fields or name in fields)


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice about a loan, with what a receipt proves of it."""

    kind: str
    delivered_at: datetime | None
    returned_at: datetime | None = None
    message_id: str | None = None
    answer_by: date | None = None
    """The last day that its letter leaves to pay or to object; nothing is reported before that is over."""


@dataclass(frozen=True, slots=True)
class ReportCase:
    """What is known of one loan when a report of it is asked for."""

    zone: str
    days_past_due: int
    overdue_minor: int
    notices: Sequence[Notice]
    late_since: date | None = None
    """The oldest due date with something unpaid: a notice of before was about something else."""
    is_reported: bool = False
    has_open_dispute: bool = False
    hold: str | None = None
    """The kind of a hold that stands."""
    help_open: bool = False
    """A request for another plan, or for help, waits for its answer."""
    forbearance_on: date | None = None
    """When another plan was considered last."""
    cap_status: str = "outside"
    """applies, outside, unknown."""
    is_over_cap: bool = False
    law_gate: Gate | None = None
    """What the law said: LAW, or NO_CONSENT where a consent is what it misses."""


def gate_of(register: Register, case: ReportCase, now: datetime) -> tuple[Gate | None, Notice | None]:
    """Return what stands in the way of a report, or None with the notice that it rests on."""
    today = business_date(now, case.zone)
    if case.is_reported:
        return Gate.ALREADY_REPORTED, None
    if case.overdue_minor <= 0 or case.days_past_due < register.least_days_past_due:
        return Gate.NOT_IN_ARREARS, None
    if case.has_open_dispute:
        return Gate.OPEN_DISPUTE, None
    if case.hold is not None:
        return Gate.HOLD, None
    gate, notice = notice_gate(register, case.notices, case.zone, today, since=case.late_since)
    if gate is not None:
        return gate, None
    if case.help_open:
        return Gate.FORBEARANCE_NOT_CONSIDERED, None
    within = register.forbearance_within_days
    if within is not None and (case.forbearance_on is None or today - case.forbearance_on > timedelta(days=within)):
        return Gate.FORBEARANCE_NOT_CONSIDERED, None
    if register.needs_cap and case.cap_status == "unknown":
        return Gate.CAP_UNKNOWN, None
    if register.needs_cap and case.is_over_cap:
        return Gate.OVER_CAP, None
    return case.law_gate, notice if case.law_gate is None else None


def notice_gate(
    register: Register, notices: Sequence[Notice], zone: str, today: date, *, since: date | None = None
) -> tuple[Gate | None, Notice | None]:
    """Return the newest delivered notice that has waited long enough and still counts, or why there is none.

    `since`: the oldest due date unpaid; a notice delivered by then is of an earlier run of arrears, and none of this one.
    Every letter of this run that arrived is waited for: a second one that leaves more days is not broken by resting on the
    first.
    """
    delivered = [
        (business_date(each.delivered_at, zone), each.delivered_at, each)
        for each in notices
        if each.kind in register.notice_kinds and each.delivered_at is not None
    ]
    if not delivered:
        return Gate.NO_NOTICE_DELIVERED, None
    ripe = [each for each in delivered if (today - each[0]).days > register.wait_days]
    counts_from = date.min if since is None else since
    leaves = [each.answer_by for on, _, each in delivered if each.answer_by is not None and on > counts_from]
    if not ripe or today <= max(leaves, default=date.min):
        return Gate.NOTICE_TOO_RECENT, None
    valid = [
        each for each in ripe if (today - each[0]).days <= register.notice_valid_days and (since is None or each[0] > since)
    ]
    return (None, max(valid, key=lambda each: each[:2])[2]) if valid else (Gate.NOTICE_TOO_OLD, None)


def check_move(state: str, to: ReportState) -> None:
    """Refuse a step that skips. Raises ConflictError."""
    if to not in MOVES[ReportState(state)]:
        raise ConflictError(f"The report is {state}; it cannot become {to.value}.")


def check_second(asked_by: str, by: str) -> None:
    """Refuse a decision of who asked. Raises ForbiddenError."""
    if same_person(asked_by, by):
        raise ForbiddenError("You asked for it; somebody else has to decide.")


AMOUNTS = ("principal", "outstanding", "overdue", "overdue_since")
"""What is told of the debt itself; the days past due grow by themselves, and are no correction."""


def must_correct(told: Mapping[str, object], stands: Mapping[str, object]) -> bool:
    """Return whether what a register was told of the debt is not what stands in the book; both name the same fields."""
    return any(told.get(name) != stands.get(name) for name in AMOUNTS)


def keep_until(register: Register, reported_on: date) -> date:
    """Return the last day a report may stand: the day before so many years have passed."""
    year = reported_on.year + register.keep_years
    try:
        end = reported_on.replace(year=year)
    except ValueError:  # 29 February
        end = date(year, 2, 28)
    return end - timedelta(days=1)


def removal_due_on(register: Register, since: date) -> date:
    """Return the last day in time for taking it off the register. `since`: when the reason came to be."""
    return since + timedelta(days=register.removal_days)
