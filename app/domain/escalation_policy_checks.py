"""What an escalation policy must mean, beyond its form: no step before what has to come first."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.errors import FieldError
from app.domain.escalation_policies import CREDIT, FORBEARANCE, NOTICE_KINDS, Kind
from app.domain.holds import HOLD_REASONS
from app.domain.policy_words import did_you_mean, pointer_to

Document = Mapping[str, Any]

LEAST_DAYS_BEFORE_REPORT = 1
"""A notice before a report is worth something only if there is time to pay or to object: one day at the least."""
BEFORE: Mapping[Kind, frozenset[Kind]] = {
    Kind.REPORT: frozenset({Kind.PRE_REPORT_NOTICE}),
    Kind.REFERRAL: frozenset({Kind.COLLATERAL_NOTICE, Kind.REPAYMENT_LETTER}),
}
"""Kind of step -> of which kind the step before it must be: it never happens without that one's proved delivery."""


@dataclass(frozen=True, slots=True)
class KnownToEscalations:
    """The names a policy may use. None: not known here, and not checked."""

    notice_kinds: Collection[str] | None = None
    templates: Collection[str] | None = None
    acts: Collection[str] | None = None
    jurisdictions: Collection[str] | None = None
    registers: Mapping[str, Collection[str]] | None = None
    """Register of an authority or association -> the legal bases it takes reports on."""


def check_escalation_policy(document: Document, known: KnownToEscalations) -> list[FieldError]:
    """Return everything wrong with a document whose form is right, each with its pointer."""
    found: list[FieldError] = []
    for index, name in enumerate(document.get("stop_on", ())):
        _name(found, pointer_to("stop_on", index), name, HOLD_REASONS, "kind of hold")
    for index, name in enumerate(document.get("jurisdictions", ())):
        _name(found, pointer_to("jurisdictions", index), name, known.jurisdictions, "jurisdiction with a law pack")
    before: dict[str, Kind] = {}
    for index, step in enumerate(document["steps"]):
        at = ("steps", index)
        if step["key"] in before:
            found.append(FieldError(pointer_to(*at, "key"), "duplicate", f"The step {step['key']!r} is there twice."))
        if step["days_past_due"] < document["begins"]["days_past_due"]:
            detail = "A step cannot happen before the escalation begins (/begins/days_past_due)."
            found.append(FieldError(pointer_to(*at, "days_past_due"), "order", detail))
        _check_order(found, at, step, before)
        _check_step(found, at, step, known)
        before[step["key"]] = Kind(step["kind"])
    return found


def _check_order(found: list[FieldError], at: tuple[str, int], step: Document, before: Mapping[str, Kind]) -> None:
    kind, after = Kind(step["kind"]), step.get("after")
    if after is None:
        if before:
            detail = "Every step but the first says after which one it comes, and how many days later."
            found.append(FieldError(pointer_to(*at), "after", detail))
        elif kind in BEFORE:
            names = " or ".join(sorted(BEFORE[kind]))
            found.append(FieldError(pointer_to(*at), "after", f"A {kind} comes after a {names} that was delivered."))
        return
    if after["step"] not in before:
        detail = f"{after['step']!r} is no step before this one{did_you_mean(after['step'], before) or '.'}"
        found.append(FieldError(pointer_to(*at, "after", "step"), "unknown", detail))
        return
    wanted = BEFORE.get(kind)
    if wanted is not None and before[after["step"]] not in wanted:
        detail = f"A {kind} comes after a {' or '.join(sorted(wanted))}, and not after a {before[after['step']]}."
        found.append(FieldError(pointer_to(*at, "after", "step"), "order", detail))
    if kind is Kind.REPORT and after["days"] < LEAST_DAYS_BEFORE_REPORT:
        detail = "At least a day lies between a delivered notice and the report, to pay or to object."
        found.append(FieldError(pointer_to(*at, "after", "days"), "order", detail))


def _check_step(found: list[FieldError], at: tuple[str, int], step: Document, known: KnownToEscalations) -> None:
    kind, notice = Kind(step["kind"]), step.get("notice")
    if (kind in NOTICE_KINDS) != (notice is not None):
        detail = f"A {kind} names its notice." if notice is None else f"A {kind} has no notice; the step before it has one."
        found.append(FieldError(pointer_to(*at, "notice"), "notice", detail))
    if notice is not None:
        _name(found, pointer_to(*at, "notice", "kind"), notice["kind"], known.notice_kinds, "kind of notice")
        _name(found, pointer_to(*at, "notice", "template"), notice["template"], known.templates, "template")
    for index, act in enumerate(step.get("law", ())):
        _name(found, pointer_to(*at, "law", index), act, known.acts, "act of the law packs")
    for name in ("register", "record", "basis"):
        if name in step and kind is not Kind.REPORT:
            found.append(FieldError(pointer_to(*at, name), "unknown", f"Only a report has a {name}."))
    if kind is Kind.REPORT:
        _check_report(found, at, step, known)
    if kind in BEFORE and FORBEARANCE not in step.get("needs", ()):
        detail = f"A {kind} needs forbearance to have been considered: needs: [forbearance]."
        found.append(FieldError(pointer_to(*at, "needs"), "needs", detail))
    if kind is Kind.COLLATERAL_NOTICE and step.get("secured_only") is False:
        detail = "A notice about collateral is only for loans that something is pledged for."
        found.append(FieldError(pointer_to(*at, "secured_only"), "order", detail))


def _check_report(found: list[FieldError], at: tuple[str, int], step: Document, known: KnownToEscalations) -> None:
    register, basis = step.get("register"), step.get("basis")
    if register is None:
        found.append(FieldError(pointer_to(*at), "register", "A report says where it goes: register."))
        return
    if (register == CREDIT) != (basis is None):
        detail = "A report to a register other than credit names its legal basis; one to the credit system needs none."
        found.append(FieldError(pointer_to(*at, "basis"), "basis", detail))
    if register != CREDIT and known.registers is not None:
        _name(found, pointer_to(*at, "register"), register, {CREDIT, *known.registers}, "register")
        if basis is not None and register in known.registers:
            _name(found, pointer_to(*at, "basis"), basis, known.registers[register], f"basis of {register}")


def _name(found: list[FieldError], pointer: str, name: str, known: Collection[str] | None, what: str) -> None:
    if known is not None and name not in known:
        found.append(FieldError(pointer, "unknown", f"{name!r} is no {what}{did_you_mean(name, known) or '.'}"))
