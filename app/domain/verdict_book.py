"""The book of one decision run: every verdict said, and the instants at which to look again."""

from collections.abc import Mapping
from datetime import datetime

from app.domain.cases import Case, DecisionKey
from app.domain.checks import Arm, calendar_note
from app.domain.decided import Candidate, Verdict, clipped
from app.domain.policies import Rules
from app.domain.reasons import Outcome, Reason
from app.domain.times import business_date


class VerdictBook:
    """Verdicts on candidates and on earlier decisions of one case, in the order they were said; and wakes."""

    def __init__(self, case: Case, rules: Rules, now: datetime) -> None:
        self.case, self.rules, self.now = case, rules, now
        self.verdicts: list[Verdict] = []
        self.wakes: list[datetime] = []

    def defer(
        self,
        candidate: Candidate,
        until: datetime,
        reason: Reason,
        rule: str | None,
        arm: Arm | None,
        facts: Mapping[str, object],
    ) -> None:
        """Look again at `until`; said once for each such instant."""
        self.wakes.append(until)
        past = self.case.decisions.get(candidate.key)
        if past is None or past.next_evaluation_at != until or past.reason is not reason:
            self.say(
                candidate, Outcome.DEFERRED, reason, rule=rule, not_before=until, next_evaluation_at=until, arm=arm,
                facts=facts,
            )  # fmt: skip

    def say(
        self,
        candidate: Candidate,
        outcome: Outcome,
        reason: Reason,
        *,
        rule: str | None = None,
        channels: tuple[str, ...] = (),
        not_before: datetime | None = None,
        next_evaluation_at: datetime | None = None,
        contact_no: int | None = None,
        arm: Arm | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> None:
        """Add a verdict on a candidate."""
        subject = candidate.subject
        zone = self.case.zone or subject.lender_zone
        facts = {**(facts or {}), **calendar_note(candidate, self.case, self.rules)}
        self.verdicts.append(
            Verdict(
                candidate.key,
                subject.loan_id,
                subject.row_no,
                candidate.occurs_at,
                business_date(candidate.occurs_at, zone),
                outcome,
                reason,
                rule,
                channels,
                not_before,
                next_evaluation_at,
                contact_no,
                candidate.policy.policy_id,
                arm.experiment if arm else None,
                arm.arm if arm else None,
                facts=clipped(facts) if facts else {},
            )
        )

    def say_again(
        self, key: DecisionKey, outcome: Outcome, reason: Reason, *, rule: str | None = None, note: bool = False,
        channels: tuple[str, ...] = (), not_before: datetime | None = None, facts: Mapping[str, object] | None = None,
    ) -> None:  # fmt: skip
        """Add a change of an earlier decision; a `note` is an event that leaves its outcome as it is."""
        past = self.case.decisions[key]
        zone = self.case.zone or "UTC"
        self.verdicts.append(
            Verdict(
                key, past.loan_id, past.row_no, past.occurs_at, business_date(self.now, zone), outcome, reason, rule,
                channels, not_before, is_note=note, facts=clipped(facts) if facts else {},
            )
        )  # fmt: skip
