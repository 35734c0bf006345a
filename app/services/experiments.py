"""Reports of experiments and holdouts: what each arm did after its first exposure, against the control.

By intention to treat: a borrower belongs to the arm that the decision named, whether a message left or not. One borrower
counts once, by the first exposure, so that the unit that is randomised is the unit that is analysed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from typing import Any

from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError, ValidationError
from app.domain.experiments import REMINDED, Trial, merged, steps_that_hide, trials_of
from app.domain.policies import Policy
from app.domain.promises import FAILED
from app.persistence.queries import experiments as queries
from app.persistence.queries.experiments import Exposed
from app.persistence.queries.policies import find_policies_in_force
from app.services.experiment_figures import Difference, Rate, SampleRatio, differences, rate_of, require, sample_ratio
from app.services.policy_documents import parse_policy

DEFAULT_WITHIN_DAYS = 7
"""The outcome of a holdout, whose policy names none."""
MOST_WITHIN_DAYS = 366
_DAY = timedelta(days=1)
OUTCOMES = ("paid_in_full", "paid_anything")
GUARDRAILS = ("opt_outs", "no_contact_requests", "disputes", "hardship", "broken_promises")


@dataclass(frozen=True, slots=True)
class ListedArm:
    """One arm so far. `borrowers`: ever exposed."""

    arm: str
    percent: int | None
    """None: no version has it (its shares were changed)."""
    borrowers: int
    exposures: int


@dataclass(frozen=True, slots=True)
class Listed:
    """One experiment or holdout, of a version that is or was in force."""

    key: str
    kind: str
    policies: Sequence[str]
    """`key vN`, the newest first."""
    is_live: bool
    arms: Sequence[ListedArm]
    first_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class ArmCount:
    """Who is in an arm. `mature`: whose time to pay is over, the only ones compared."""

    arm: str
    percent: int
    borrowers: int
    exposures: int
    mature: int


@dataclass(frozen=True, slots=True)
class MeasuredArm:
    """One figure of one arm. `difference` None: it is the control, or there is nobody to compare."""

    arm: str
    rate: Rate
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Measure:
    """An outcome or a guardrail in every arm."""

    name: str
    arms: Sequence[MeasuredArm]


@dataclass(frozen=True, slots=True)
class Warned:
    """What a reader must know before the figures. `code`: sample_ratio, peeking, two_arms, several_outcomes, guardrail."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report. `exclusions`: not_mature, outside_span, in_several_arms (counted with the first)."""

    key: str
    kind: str
    policies: Sequence[str]
    as_of: datetime
    first_on: date | None
    until: date | None
    within_days: int
    control: str
    planned_borrowers: int | None
    arms: Sequence[ArmCount]
    sample_ratio: SampleRatio
    outcomes: Sequence[Measure]
    guardrails: Sequence[Measure]
    exclusions: Mapping[str, int]
    warnings: Sequence[Warned]


@dataclass(frozen=True, slots=True)
class _Version:
    name: str
    is_live: bool
    policy: Policy


def list_experiments(session: Session, *, lender_id: str | None = None) -> list[Listed]:
    """Return every experiment and holdout of versions that are or were in force. `lender_id`: whose policies and loans."""
    versions = _versions(session, lender_id)
    counted: dict[str, list[Any]] = defaultdict(list)
    for row in queries.count_by_key(session, lender_id):
        counted[row.experiment].append(row)
    found: dict[str, list[tuple[_Version, Trial]]] = defaultdict(list)
    for version in versions:
        for trial in trials_of(version.policy):
            found[trial.key].append((version, trial))
    return [_listed(key, found[key], counted[key]) for key in sorted(found)]


def report_experiment(
    session: Session,
    key: str,
    *,
    now: datetime,
    lender_id: str | None = None,
    first_on: date | None = None,
    until: date | None = None,
    within_days: int | None = None,
    control: str | None = None,
) -> Report:
    """Report on borrowers first exposed from `first_on` until before `until` (UTC dates), on loans of one lender or of all.

    Raises NotFoundError, ValidationError, ConflictError (the key's shares were changed), UnavailableError (no statistics).
    """
    versions = [each for each in _versions(session, lender_id) if any(one.key == key for one in trials_of(each.policy))]
    if not versions:
        raise NotFoundError(f"No policy that is or was in force has an experiment or a holdout {key!r}.")
    require()
    trials = [trial for version in versions for trial in trials_of(version.policy) if trial.key == key]
    trial = merged(trials)
    days = _days(within_days, trial)
    control = control or trial.control
    if control not in dict(trial.shares):
        raise ValidationError(f"{key} has no arm {control!r}; it has {', '.join(arm for arm, _ in trial.shares)}.")
    hidden = [(each.policy.policy_id, step) for each in versions for step in steps_that_hide(each.policy, key)]
    exposed = Exposed(key, lender_id, hidden, REMINDED, _start_of(first_on), _start_of(until))
    last_date = now.astimezone(UTC).date() - (days + 2) * _DAY
    measured = _Measured(session, exposed, trial, control, days, last_date, now)
    outside, several = queries.count_left_out(session, exposed)
    arms, outcomes, guardrails = measured.arms(), measured.outcomes(), measured.guardrails()
    ratio = sample_ratio([each.borrowers for each in arms], [each.percent for each in arms])
    mature = sum(each.mature for each in arms)
    exclusions = {
        "not_mature": sum(each.borrowers for each in arms) - mature,
        "outside_span": outside,
        "in_several_arms": several,
    }
    warnings = [*_doubts(trials, ratio, several, mature), *_harms(guardrails)]
    names = [version.name for version in versions]
    return Report(
        key, trial.kind, names, now, first_on, until, days, control, trial.planned_borrowers, arms, ratio, outcomes,
        guardrails, exclusions, warnings,
    )  # fmt: skip


class _Measured:
    """What the database counts, put together by arm."""

    def __init__(
        self, session: Session, exposed: Exposed, trial: Trial, control: str, days: int, last_date: date, now: datetime
    ) -> None:
        self.trial, self.control, self.within = trial, control, days * _DAY
        self.assigned = {row.arm: row for row in queries.count_assigned(session, exposed)}
        self.mature: dict[str, int] = defaultdict(int)
        self.counts: dict[str, dict[str, int]] = {name: defaultdict(int) for name in (*OUTCOMES, *GUARDRAILS)}
        self.promises: dict[str, int] = defaultdict(int)
        self._count_outcomes(queries.count_outcomes(session, exposed, known_at=now), last_date)
        for row in queries.count_guardrails(session, exposed, last_date=last_date, within=self.within):
            for name in GUARDRAILS[:-1]:
                self.counts[name][row.arm] += int(getattr(row, name) or 0)
        for arm, state, count in queries.count_promises(
            session, exposed, last_date=last_date, within=self.within, known_at=now
        ):
            self.promises[arm] += count
            self.counts["broken_promises"][arm] += count if state in FAILED else 0
        found = queries.find_promises(session, exposed, last_date=last_date, within=self.within, known_at=now)
        for arm, until_at, payment_on in found:
            self.promises[arm] += 1
            self.counts["broken_promises"][arm] += payment_on is None or payment_on > until_at.date()

    def _count_outcomes(self, rows: Iterable[Any], last_date: date) -> None:
        for arm, on, paid_on, payment_on, borrowers in rows:
            if on > last_date:
                continue
            self.mature[arm] += borrowers
            for name, happened_on in zip(OUTCOMES, (paid_on, payment_on), strict=True):
                if happened_on is not None and happened_on <= on + self.within:
                    self.counts[name][arm] += borrowers

    def arms(self) -> list[ArmCount]:
        """Every arm that has a share or anybody in it."""
        shares = dict(self.trial.shares)
        names = [*shares, *sorted(set(self.assigned) - set(shares))]
        return [
            ArmCount(name, shares.get(name, 0), row.borrowers if row else 0, int(row.exposures) if row else 0,
                     self.mature[name])
            for name in names
            for row in [self.assigned.get(name)]
        ]  # fmt: skip

    def outcomes(self) -> list[Measure]:
        """What it is about."""
        return [self._measure(name, self.mature) for name in OUTCOMES]

    def guardrails(self) -> list[Measure]:
        """What must not get worse; broken promises of those that have run out."""
        return [self._measure(name, self.promises if name == "broken_promises" else self.mature) for name in GUARDRAILS]

    def _measure(self, name: str, of: Mapping[str, int]) -> Measure:
        rates = {arm: rate_of(self.counts[name].get(arm, 0), of.get(arm, 0)) for arm, _ in self.trial.shares}
        others = [arm for arm in rates if arm != self.control]
        found = dict(zip(others, differences(rates[self.control], [rates[arm] for arm in others]), strict=True))
        return Measure(name, [MeasuredArm(arm, rate, found.get(arm)) for arm, rate in rates.items()])


def _doubts(trials: Sequence[Trial], ratio: SampleRatio, several: int, mature: int) -> list[Warned]:
    found, trial = [], trials[0]
    if ratio.is_off:
        text = (
            f"The arms are not as large as they should be (p = {ratio.p_value:.2g}): something lets one arm in more often "
            "than another, and no difference below can be believed until it is found."
        )
        found.append(Warned("sample_ratio", text))
    if several:
        found.append(Warned("two_arms", f"{several} borrower(s) were in more than one arm; each is counted with the first."))
    planned = trial.planned_borrowers
    if planned is None:
        text = (
            "No number of borrowers was planned (planned_borrowers): whoever looks again and again and stops when p is "
            "small finds an effect where there is none."
        )
        found.append(Warned("peeking", text))
    elif mature < planned:
        text = f"Only {mature} of {planned} planned borrowers are through: this is a look ahead, not a result to stop on."
        found.append(Warned("peeking", text))
    if len({each.paid_by for each in trials}) > 1:
        found.append(Warned("several_outcomes", "Versions name different times to pay; the newest version's is used."))
    return found


def _harms(guardrails: Iterable[Measure]) -> list[Warned]:
    """Name guardrails that an arm is worse on than the control: the interval lies above nothing."""
    found = []
    for measure in guardrails:
        for arm in measure.arms:
            if arm.difference is not None and arm.difference.low > 0:
                more = f"{100 * arm.difference.difference:.2f} points"
                found.append(Warned("guardrail", f"{measure.name} are more frequent in {arm.arm} by {more}."))
    return found


def _listed(key: str, found: Sequence[tuple[_Version, Trial]], counted: Sequence[Any]) -> Listed:
    shares = dict(found[0][1].shares)
    by_arm = {row.arm: row for row in counted}
    names = [*shares, *sorted(set(by_arm) - set(shares))]
    arms = [
        ListedArm(name, shares.get(name), row.borrowers if row else 0, row.exposures if row else 0)
        for name in names
        for row in [by_arm.get(name)]
    ]
    first_at = min((row.first_at for row in counted), default=None)
    last_at = max((row.last_at for row in counted), default=None)
    is_live = any(version.is_live for version, _ in found)
    return Listed(key, found[0][1].kind, [version.name for version, _ in found], is_live, arms, first_at, last_at)


def _versions(session: Session, lender_id: str | None) -> list[_Version]:
    return [
        _Version(f"{row.key} v{row.version_no}", row.status == "active", parse_policy(row.document, row.id))
        for row in find_policies_in_force(session)
        if lender_id is None or row.lender_id in (None, lender_id)
    ]


def _days(asked: int | None, trial: Trial) -> int:
    """Value dates are days, so that a time to pay of 36 hours is two days."""
    days = asked
    if days is None:
        days = ceil(trial.paid_by / _DAY) if trial.paid_by is not None else DEFAULT_WITHIN_DAYS
    if not 0 <= days <= MOST_WITHIN_DAYS:
        raise ValidationError(f"The time to pay is 0 to {MOST_WITHIN_DAYS} days, not {days}.")
    return days


def _start_of(on: date | None) -> datetime | None:
    return datetime.combine(on, time(), UTC) if on is not None else None
