"""What a policy may not do whatever the case: its steps, quiet hours and caps against the law of a jurisdiction.

A lender may narrow the law (shorter windows, lower caps), never widen it. Rules are asked by the kinds of their tests and
by nothing else. What hangs on the case (consents, holds, zones, what was sent before) is left to `decide`, which asks the
same rules again: nothing found here is no leave to send.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from app.domain.policies import OUTWARD_CHANNELS, Cap, Policy, Step
from app.domain.policy_hours import Span, first_outside, legal_span, open_outside
from app.domain.policy_words import pointer_to, told_time
from app.domain.static_facts import denies, holds

if TYPE_CHECKING:
    from app.domain.law.packs import LawPack
    from app.domain.law.rules import Rule

_TASK_CHANNELS = {"call": "voice", "letter": "letter"}
_ENGINE = frozenset({"engine"})
_ONE_DAY = date(2001, 1, 1)
"""Wall times are reckoned with on one day without a zone."""


@dataclass(frozen=True, slots=True)
class Lending:
    """Who the policy is for. Role None is the strict reading, a third-party collector; licence None: unknown."""

    role: str | None = None
    licence_kind: str | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """One way a policy reaches out: a rung or the task of a step, at any minute `from_at`..`to_at`, both inclusive."""

    step: Step
    channel: str
    rung_no: int | None
    from_at: time
    to_at: time
    part: str = "steps"
    """Where the step stands in the document."""

    @property
    def words(self) -> str:
        """What happens, for a refusal."""
        if self.rung_no is None:
            return f"makes a {'call' if self.channel == 'voice' else self.channel} task"
        return {"voice": "calls", "letter": "writes a letter", "sms": "texts"}.get(self.channel, f"sends by {self.channel}")


@dataclass(frozen=True, slots=True)
class Unlawful:
    """One thing a policy does that a rule forbids. `place`: keys from the document's root; a step by its key."""

    jurisdiction: str
    rule_id: str
    title: str
    source: str
    evidence: str
    """How well the rule was read: primary, partly, rendering, recalled."""
    place: tuple[str, ...]
    detail: str

    @property
    def told(self) -> str:
        """The refusal in one sentence, the rule and its paragraph named."""
        recalled = ", recalled and not yet verified" if self.evidence == "recalled" else ""
        return (
            f"{self.detail} {self.jurisdiction} law: {self.title} ({self.rule_id}; {self.source or 'no source'}{recalled})."
        )

    def pointer(self, document: Mapping[str, Any]) -> str:
        """Return where it stands in a document as its pointer; what the defaults say is pointed to there."""
        part = self.place[0]
        if part not in ("steps", "promise_steps"):
            return pointer_to(*self.place)
        index, step = next((no, each) for no, each in enumerate(document[part]) if each["key"] == self.place[1])
        if self.place[2] in step:
            return pointer_to(part, index, *self.place[2:])
        inherited = self.place[2] in document.get("defaults", {})
        return pointer_to("defaults", *self.place[2:]) if inherited else pointer_to(part, index)


def find_unlawful(policy: Policy, pack: "LawPack", lending: Lending, *, on: date) -> list[Unlawful]:
    """Return everything in a policy that the pack's rules in force on that day forbid in every case, each once."""
    found: dict[tuple[str, tuple[str, ...]], Unlawful] = {}
    for use in uses_of(policy):
        facts = _facts(use, pack.jurisdiction, lending)
        for rule in _rules(pack, facts, on):
            for each in _of_rule(policy, rule, use, facts):
                found.setdefault((each.rule_id, each.place), each)
    return list(found.values())


def uses_of(policy: Policy) -> Iterator[Use]:
    """Yield every way a policy reaches out, in the order of its steps. in_app waits to be opened and is none."""
    parts = ("steps", policy.steps), ("promise_steps", policy.promise_steps), ("promise_steps", policy.late_promise_steps)
    for part, step in ((part, step) for part, steps in parts for step in steps):
        if step.action is not None:
            yield Use(step, _TASK_CHANNELS[step.action.kind], None, step.at, step.until or step.at, part)
            continue
        waited = timedelta(0)
        for no, rung in enumerate(step.ladder):
            waited += rung.after or timedelta(0)
            if rung.channel in OUTWARD_CHANNELS:
                first, last = _later(step.at, waited), _later(step.until or step.at, waited)
                yield Use(step, rung.channel, no, first, last, part)


def _later(wall: time, waited: timedelta) -> time:
    return (datetime.combine(_ONE_DAY, wall) + waited).time()


def _facts(use: Use, jurisdiction: str, lending: Lending) -> dict[str, Any]:
    """What is known of a contact before there is a case, by the law's vocabulary. A fact that is not here is not known."""
    facts = {
        "act": "contact",
        "channel": use.channel,
        "message_class": use.step.message_class,
        "stage": use.step.debt_stage,
        "notice_kind": use.step.notice_kind,
        "lender_role": lending.role or "third_party_collector",
        "recipient": "borrower",
        "initiated_by": "lender",
        "visibility": "private",
        "law_pack": jurisdiction,
    }
    return facts if lending.licence_kind is None else {**facts, "licence_kind": lending.licence_kind}


def _rules(pack: "LawPack", facts: Mapping[str, Any], on: date) -> Iterator["Rule"]:
    rules = pack.rules_for(
        decided_by=_ENGINE,
        channel=facts["channel"],
        message_class=facts["message_class"],
        stage=facts["stage"],
        lender_role=facts["lender_role"],
        licence_kind=facts.get("licence_kind"),
    )
    for rule in rules:
        signed = rule.applies_when.contract_signed_from or rule.applies_when.contract_signed_before
        begun = rule.effective_from is None or rule.effective_from <= on
        if signed is None and begun and (rule.effective_until is None or on < rule.effective_until):
            yield rule


def _of_rule(policy: Policy, rule: "Rule", use: Use, facts: Mapping[str, Any]) -> Iterator[Unlawful]:
    """Yield what one rule forbids of one use. What may end the rule otherwise ends what is known."""
    for test in rule.tests:
        if test.needs is not None:
            needed = holds(test.document["needs"], facts)
            if needed is None and test.kind == "table":
                return
            if not needed:
                continue
        if test.kind == "window":
            yield from _window(policy, rule, use, legal_span(test.document))
        elif test.kind == "cap" and "list" not in test.document and "consent" not in test.document:
            yield from _caps(policy, rule, use, test.document)
        elif test.kind == "table":
            blocked = denies(test.document["rows"], facts)
            if blocked:
                yield _unlawful(rule, _place(use), f"Step {use.step.key!r} {use.words}, which is not allowed.")
            if blocked is not False:  # the table decided, or only a case can tell: what comes after may never be asked
                return


def _window(policy: Policy, rule: "Rule", use: Use, legal: Span) -> Iterator[Unlawful]:
    window = f"{told_time(legal[0])} to {told_time(legal[1])}"
    outside = first_outside(legal, use.from_at, use.to_at)
    if outside is not None:
        detail = f"Step {use.step.key!r} {use.words} at {told_time(outside)}; contact is allowed from {window}."
        yield _unlawful(rule, _place(use, when=True), detail)
    if use.rung_no is None:
        return  # a task is for a person, whom quiet hours do not hold back; only its own time is looked at
    gap = open_outside(legal, policy.quiet_hours, start=use.step.at, life=_life(use.step))
    if gap is not None and outside is None:
        detail = f"Quiet hours leave {told_time(gap)} open, when step {use.step.key!r} may leave; allowed is {window}."
        yield _unlawful(rule, ("quiet_hours",), detail)


def _life(step: Step) -> timedelta:
    """How long after its time a step may leave, at the latest."""
    spread = datetime.combine(_ONE_DAY, step.until or step.at) - datetime.combine(_ONE_DAY, step.at)
    return spread + step.expires_after


def _caps(policy: Policy, rule: "Rule", use: Use, test: Mapping[str, Any]) -> Iterator[Unlawful]:
    channels = frozenset(test.get("channels") or ())
    if channels and use.channel not in channels:
        return
    per_debt = test.get("per", "person") == "person_debt"
    for limit in test["limits"]:
        most, days = limit["max"], limit["days"]
        counted = [(no, cap) for no, cap in enumerate(policy.caps) if _counts(cap, use.channel, per_debt=per_debt)]
        if any(cap.days >= days and cap.max_contacts <= most and cap.per == "borrower" for _, cap in counted):
            continue
        for _, cap in counted:
            if cap.days <= days and cap.max_contacts > most:
                detail = f"{cap.rule} lets {cap.max_contacts} through; there may be {most} in {_told_days(days)}."
                yield _unlawful(rule, ("caps", str(policy.caps.index(cap)), "max"), detail)


def _counts(cap: Cap, channel: str, *, per_debt: bool) -> bool:
    """Whether a cap of the policy limits what the law counts. One for all loans is none per debt."""
    if per_debt and cap.per == "borrower" and cap.channel is None:
        return False
    return cap.channel in (None, channel)


def _told_days(days: int) -> str:
    return "a day" if days == 1 else f"{days} days"


def _place(use: Use, *, when: bool = False) -> tuple[str, ...]:
    if use.rung_no is None:
        return (use.part, use.step.key, "at" if when else "action")
    waits = use.rung_no > 0 and any(rung.after for rung in use.step.ladder[: use.rung_no + 1])
    return (use.part, use.step.key, "at") if when and not waits else (use.part, use.step.key, "ladder", str(use.rung_no))


def _unlawful(rule: "Rule", place: tuple[str, ...], detail: str) -> Unlawful:
    return Unlawful(rule.jurisdiction, rule.id, rule.title, rule.source, rule.evidence, place, detail)
