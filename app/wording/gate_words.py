"""What stands in the way of a contact by hand, and what is left under its caps, as staff read it."""

from collections.abc import Iterable
from datetime import datetime

from app.domain.contact_checks import CapRoom
from app.domain.decided import Stop
from app.domain.law.rules import Rule
from app.wording.console_words import code_words, console_words
from app.wording.reason_words import reason_words, written_instant

_UNVERIFIED = "recalled"


def block_sentence(stop: Stop, rule: Rule | None, locale: str, zone: str | None) -> str:
    """Return what stands in the way, with the rule and its paragraph where it is law."""
    facts = {**stop.facts, "rule": rule_label(rule, locale) if rule else stop.rule, "until": stop.until}
    said = reason_words(stop.reason, facts, locale, zone=zone)
    missing = stop.facts.get("missing")
    if isinstance(missing, Iterable) and missing:
        said += console_words("contact_gate.missing", locale, {"what": ", ".join(map(str, missing))})
    return said


def rule_label(rule: Rule, locale: str) -> str:
    """Return a rule by its id and its paragraph; one that was only recalled says so."""
    doubt = console_words("contact_gate.unverified", locale, {}) if rule.evidence == _UNVERIFIED else ""
    return f"{rule.id}, {rule.source}{doubt}"


def room_sentence(room: CapRoom, rule: Rule | None, locale: str, zone: str | None) -> str:
    """Return what is left under a cap."""
    named = rule_label(rule, locale) if rule else _cap_label(room.rule, locale)
    if room.left is None:
        return console_words("contact_gate.room_uncounted", locale, {"cap": named})
    values: dict[str, object] = {"cap": named, "left": room.left, "most": room.most}
    if room.resets_at is not None:
        return console_words("contact_gate.room_until", locale, {**values, "until": said_at(room.resets_at, locale, zone)})
    return console_words("contact_gate.room", locale, values)


def said_at(at: datetime, locale: str, zone: str | None) -> str:
    """Return an instant on the wall of the borrower."""
    return written_instant(at, locale, zone)


def _cap_label(rule: str, locale: str) -> str:
    """Name a cap of the policy: caps.borrower.P1D, caps.loan.sms.P7D."""
    _, per, *channel, days = rule.split(".")
    values = {"days": days.strip("PD"), "channel": f" ({channel[0]})" if channel else ""}
    return console_words(f"contact_gate.cap_{per}", locale, values)


def manual_sentence(
    by: str, outcome: str, reason: str, rule: str | None, set_aside: Iterable[str], locale: str, *, kind: str = "message",
    result: str | None = None, set_aside_by: str | None = None,
) -> str:  # fmt: skip
    """Return why a contact by hand was made, or why it was taken back; of a call or a visit, how it went."""
    who = _name(by)
    if outcome != "SENT":
        why = reason_words(reason, {"rule": rule}, locale)
        return console_words("contact_gate.taken_back", locale, {"who": who, "why": why})
    beyond = "; ".join(reason_words(each, {}, locale) for each in set_aside)
    if kind in ("call", "visit") and result is not None:
        made = console_words(f"contact_gate.made_{kind}", locale, {"who": who, "result": code_words(kind, result, locale)})
    else:
        made = console_words("contact_gate.made", locale, {"who": who})
    if not beyond:
        return made
    values = {"made": made, "who": _name(set_aside_by or by), "why": beyond}
    return console_words("contact_gate.made_beyond", locale, values)


def _name(by: str) -> str:
    return by.partition(":")[2] or by
