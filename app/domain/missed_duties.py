"""What follows for the money when a duty of law was missed, and what a moratorium stops: which days bear no interest.

The law packs say which days (`interest_free_days` of an answer) and which rules freeze interest; here they become spans of a
loan's own calendar. A stop begins the day after the last day in time and ends with the day on which the notice is given.
Sources: CCA 1974 s86D (UK; its effects, paragraphs 3 and 4, recalled); SI 2020/1311, reg. 7 (rendering).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from app.domain.duties import Duty
from app.domain.law.packs import LawPack
from app.domain.law.rules import Rule
from app.domain.stops import INTEREST, INTEREST_AND_CHARGES
from app.domain.times import MICROSECOND, business_date

_DAY = timedelta(days=1)
NOTICE = "notice_of_sums_in_arrears"
SAME_CONSEQUENCE: Mapping[str, str] = {"UK-NOSIA-REPEAT": "UK-NOSIA-FAIL"}
"""A later notice that was missed has the consequence of another rule. Source: CCA 1974 s86D(1)(b)."""
SAME_EFFECTS: Mapping[str, str] = {"mental_health_crisis": "UK-MHC"}
"""Kinds of hold whose rule says "same effects" as the moratorium of the standard kind. Source: SI 2020/1311 part 3."""


class WantedStop(NamedTuple):
    """A stop that the law asks for now; the same `rule` and `occasion` is the same stop."""

    rule: str
    occasion: str
    from_on: date
    until_on: date | None
    scope: str
    reason: str


def missed_notices(duties: Iterable[Duty], facts: Mapping[str, Any], *, today: date, zone: str) -> list[WantedStop]:
    """Return the stops that follow from notices of a loan that were not given in time."""
    found: list[WantedStop] = []
    met_on: date | None = facts.get("position", {}).get("arrears_conditions_met_on")
    for duty in duties:
        days = duty.values.get("interest_free_days")
        if duty.breach and days and met_on is not None:
            sent_on = given_on(facts, met_on, zone)
            begins = (sent_on or today) - timedelta(days=days) + _DAY
            reason = f"The arrears notice was due by {begins - _DAY}."
            found.append(_missed(duty.rule, begins, sent_on, reason))
        elif duty.breach and duty.due_on is not None and duty.rule in SAME_CONSEQUENCE:
            reason = f"The next arrears notice was due by {duty.due_on}."
            found.append(_missed(SAME_CONSEQUENCE[duty.rule], duty.due_on + _DAY, None, reason))
    return found


def given_on(facts: Mapping[str, Any], since: date, zone: str) -> date | None:
    """Return the day of the first arrears notice sent on or after a day; None: none was."""
    sent = [
        business_date(each["sent_at"], zone)
        for each in facts.get("notices") or ()
        if each["kind"] == NOTICE and each.get("sent_at") is not None
    ]
    return min((on for on in sent if on >= since), default=None)


def _missed(rule: str, begins: date, sent_on: date | None, reason: str) -> WantedStop:
    until = None if sent_on is None else sent_on + _DAY
    return WantedStop(rule, f"notice/{begins - _DAY}", begins, until, INTEREST_AND_CHARGES, reason)


def freezing_rules(pack: LawPack) -> dict[str, Rule]:
    """Return kind of hold -> the rule of the pack by which it stops interest."""
    found: dict[str, Rule] = {}
    for rule in pack.rules:
        if rule.params.get("freeze_interest"):
            for test in rule.params.get("tests", ()):
                anchor = test.get("anchor", {})
                if anchor.get("list") == "holds":
                    found[anchor["where"]["kind"]] = rule
    if found:
        by_id = {rule.id: rule for rule in pack.rules}
        found |= {kind: by_id[rule_id] for kind, rule_id in SAME_EFFECTS.items() if rule_id in by_id}
    return found


def frozen_by(holds: Sequence[Any], rules: Mapping[str, Rule], zone: str) -> list[WantedStop]:
    """Return the stops of these holds (`kind`, `from_at`, `until_at`, `released_at`, `id`), which may be over by now.

    The day of the start counts, and so does a day of which a part is in it.
    """
    found: list[WantedStop] = []
    for hold in holds:
        rule = rules.get(hold.kind)
        if rule is None:
            continue
        ends: list[datetime] = [at for at in (hold.until_at, hold.released_at) if at is not None]
        first = business_date(hold.from_at, zone)
        until = business_date(min(ends) - MICROSECOND, zone) + _DAY if ends else None
        limit = next((test.get("days") for test in rule.params.get("tests", ()) if _counts_from_start(test)), None)
        if limit is not None:
            until = min(until or date.max, first + timedelta(days=limit))
        if until is not None and until <= first:
            continue
        scope = INTEREST_AND_CHARGES if rule.params.get("freeze_fees") or hold.kind in SAME_EFFECTS else INTEREST
        found.append(WantedStop(rule.id, f"hold/{hold.id}", first, until, scope, f"{rule.title} since {first}."))
    return found


def _counts_from_start(test: Mapping[str, Any]) -> bool:
    anchor = test.get("anchor", {})
    return bool(anchor.get("list") == "holds" and anchor.get("field") == "from")
