"""Several rules together: the first block wins, waits combine to the latest instant, where all rules are run again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.law.judgements import judge
from app.domain.law.results import Topic
from app.domain.law.rules import Rule
from app.services.law_packs import get_pack, vocabulary
from tests.builders.law import NOON, attempt, instant, judged, law_rule, zones

LONDON = zones("Europe/London")
_CALLS = [attempt("2026-11-23T10:00:00Z")]


def window(start: str, end: str, name: str = "HOURS") -> Rule:
    return law_rule({"test": "window", "allow_from": start, "allow_to": end, "preferences": "none"}, id=name)


def cap(most: int, name: str = "CAP") -> Rule:
    return law_rule({"test": "cap", "limits": [{"max": most, "days": 1}]}, id=name)


def says(verdict: str, name: str, when: dict[str, Any] | None = None, **then: Any) -> Rule:
    return law_rule({"test": "table", "rows": [{"when": when or {}, "then": {"verdict": verdict, **then}}]}, id=name)


def deciding(*rules: Rule, at: str | None = NOON, **facts: Any) -> tuple[str, str | None]:
    judgement = judged(list(rules), at, **facts)
    return judgement.verdict, judgement.deciding.rule.id if judgement.deciding else None


def test_nothing_against_it_is_an_allow_that_no_rule_decided() -> None:
    assert deciding(window("08:00", "21:00"), zones=LONDON) == ("allow", None)
    assert judged([]).may_proceed


BLOCKS = {
    "LAW": says("block", "LAW", {"events": {"none": {"kind": "impact_assessment"}}}),
    "STANDING": says("block", "STANDING", {"holds": {"none": {"kind": "insolvent"}}, "channel": None}),
    "RECIPIENT": says("block", "RECIPIENT", {"recipient": {"not": "spouse"}, "content": None}),
    "MEDIUM": says("block", "MEDIUM", {"opt_outs": {"none": {}}, "content": None}),
    "CONTENT": says("block", "CONTENT", {"content": None}),
    "CAP": law_rule({"test": "cap", "limits": [{"max": 0, "days": 1}]}, id="CAP"),
    "HOURS": window("09:00", "09:00"),
}


@pytest.mark.parametrize("first", range(6))
def test_of_several_blocks_the_first_by_topic_decides_in_whatever_order_they_come(first: int) -> None:
    names = list(BLOCKS)[first:]
    blocks = [BLOCKS[name] for name in names if name != "CAP"]

    for rules in (blocks, blocks[::-1]):
        verdict, name = deciding(*rules, zones=LONDON)
        assert (verdict, name) == ("block", names[0] if names[0] != "CAP" else "HOURS")


def test_a_row_without_a_matcher_is_about_what_the_rows_before_it_looked_at() -> None:
    rows = [
        {"when": {"recipient": "guarantor"}, "then": {"verdict": "allow"}},
        {"when": {"consents": {"any": {"active": True}}}, "then": {"verdict": "allow"}},
        {"when": {}, "then": {"verdict": "block"}},
    ]

    assert law_rule({"test": "table", "rows": rows}).evaluate({}, instant(NOON)).topic is Topic.RECIPIENT


@pytest.mark.parametrize(
    ("jurisdiction", "rule_id", "facts", "topic"),
    [
        ("US", "US-REGF-ATTORNEY", {"holds": [{"kind": "represented", "from": "2026-11-01T12:00:00Z"}]}, Topic.STANDING),
        ("US", "US-REGF-CEASE", {"holds": [{"kind": "cease_contact", "form": "written", "from": "2026-11-01T12:00:00Z"}]},
         Topic.STANDING),
        ("US", "US-REGF-THIRD-PARTY", {"recipient": "employer"}, Topic.RECIPIENT),
        ("US", "US-REGF-MEDIUM", {"opt_outs": [{"scope": "all", "received_at": "2026-11-01T12:00:00Z"}]}, Topic.MEDIUM),
        ("US", "US-REGF-TEXT-60D", {}, Topic.MEDIUM),
        ("US", "US-REGF-OPTOUT-TEXT", {"content": []}, Topic.CONTENT),
        ("UK", "UK-BREATHING", {"holds": [{"kind": "breathing_space", "from": "2026-11-01T12:00:00Z"}]}, Topic.STANDING),
        ("EU", "EU-TRANSFER-NOTICE", {"events": [{"kind": "credit_transferred", "on": "2026-11-01"}]}, Topic.LAW),
        ("UK", "UK-STATUTE-BARRED", {"position": {"time_barred": True}, "content": ["legal_threat"]}, Topic.LAW),
        ("IN", "IN-AGENT-NOTICE", {"agency": {"id": "a"}}, Topic.LAW),
    ],
)  # fmt: skip
def test_blocks_of_the_packs_are_about_what_a_reader_would_say(
    jurisdiction: str, rule_id: str, facts: dict[str, Any], topic: Topic
) -> None:
    rule = get_pack(jurisdiction).rule(rule_id)
    assert rule is not None

    result = rule.evaluate(vocabulary().read_facts({"message_class": "collection", **facts}), instant(NOON))

    assert (result.verdict, result.topic) == ("block", topic)


def test_a_block_outranks_a_flag_and_a_flag_a_wait() -> None:
    flag, late = says("flag", "FLAG", tasks=["dedupe"]), window("13:00", "14:00")

    assert deciding(late, flag, says("block", "BLOCK"), zones=LONDON) == ("block", "BLOCK")
    assert deciding(late, flag, zones=LONDON) == ("flag", "FLAG")
    assert deciding(late, zones=LONDON) == ("defer", "HOURS")
    assert not judged([flag]).may_proceed


def test_a_flag_that_lets_the_act_proceed_stops_nothing_and_leaves_its_task() -> None:
    flag = says("flag", "FLAG", tasks=["law_pack_missing"], proceed=True)

    assert judged([flag, window("08:00", "21:00")], zones=LONDON).may_proceed
    waiting = judged([flag, window("13:00", "21:00")], zones=LONDON)
    assert (waiting.verdict, waiting.tasks) == ("defer", ("law_pack_missing",))


def test_waits_combine_to_the_latest_and_hours_apply_there_again() -> None:
    judgement = judged([window("08:00", "21:00"), cap(1)], "2026-11-23T12:00:00Z", zones=LONDON, contact_attempts=_CALLS)

    # The cap has room at midnight, when the hours defer to the morning; the cap is why it does not go now.
    assert (judgement.verdict, judgement.until) == ("cap_reached", instant("2026-11-24T08:00:00Z"))
    assert judgement.deciding is not None
    assert judgement.deciding.rule.id == "CAP"
    assert [each.rule.id for each in judgement.later] == ["HOURS"]


def test_windows_that_never_meet_block_and_do_not_run_for_ever() -> None:
    morning, evening = window("08:00", "10:00", "MORNING"), window("18:00", "20:00", "EVENING")

    judgement = judged([morning, evening], zones=LONDON)

    assert (judgement.verdict, judgement.until) == ("block", None)


def test_what_is_found_at_the_later_instant_may_block() -> None:
    law = says("block", "NEXT-YEAR")
    coming = law_rule(*[each.document for each in law.tests], id="COMING", effective_from="2026-11-24")  # type: ignore[arg-type]

    judgement = judged([window("08:00", "21:00"), coming], "2026-11-23T22:00:00Z", zones=LONDON)

    assert (judgement.verdict, judgement.until) == ("block", None)
    assert judgement.deciding is not None
    assert judgement.deciding.rule.id == "COMING"
    assert judgement.at == instant("2026-11-24T08:00:00Z")
    assert [each.result.verdict for each in judgement.findings] == ["defer", "allow"]


def test_duties_and_tasks_of_all_rules_are_collected() -> None:
    one = says("require", "ONE", missing=["transfer_notice"], tasks=["show_notice"])
    two = says("allow", "TWO", tasks=["open_complaint", "show_notice"])

    judgement = judged([one, two])

    assert (judgement.verdict, judgement.may_proceed) == ("require", True)
    assert judgement.tasks == ("show_notice", "open_complaint")
    assert [each.rule.id for each in judgement.required] == ["ONE"]
    assert len(judgement.findings) == 2


def test_a_count_that_is_full_for_ever_is_not_waited_for() -> None:
    judgement = judged([BLOCKS["CAP"], window("13:00", "21:00")], zones=LONDON)

    assert (judgement.verdict, judgement.until) == ("cap_reached", None)


@st.composite
def situations(draw: st.DrawFn) -> dict[str, Any]:
    minutes = st.integers(0, 60 * 24 * 8)

    def moment() -> str:
        total = draw(minutes)
        return f"2026-11-{16 + total // 1440:02d}T{total % 1440 // 60:02d}:{total % 60:02d}:00Z"

    names = draw(st.lists(st.sampled_from(["Europe/London", "America/New_York", "Asia/Shanghai"]), max_size=2, unique=True))
    wishes = [
        {"kind": "only_between", "from": "12:00", "to": "20:00", "recorded_at": moment()},
        {"kind": "also_between", "from": "22:00", "to": "23:00", "evidence": "e", "recorded_at": moment()},
    ]
    channels = ["voice", "sms"]
    outcomes = ["no_answer", "conversation", "busy"]
    return {
        "channel": draw(st.sampled_from(["voice", "sms", "push", "letter"])),
        "message_class": draw(st.sampled_from(["reminder", "collection", "servicing", "marketing"])),
        "zones": zones(*names),
        "holds": draw(st.lists(st.builds(lambda kind: {"kind": kind, "from": moment()},
                                         st.sampled_from(["represented", "debt_adviser", "breathing_space"])), max_size=1)),
        "contact_preferences": draw(st.lists(st.sampled_from(wishes), max_size=2)),
        "contact_attempts": [attempt(moment(), draw(st.sampled_from(channels)), outcome=draw(st.sampled_from(outcomes)))
                             for _ in range(draw(st.integers(0, 9)))],
        "consents": [{"purpose": "contact_by_text", "given_at": "2026-11-01T12:00:00Z"}] * draw(st.integers(0, 1)),
        "content": ["registered_template", "debt_advice_signpost", "contact_route", "refuse_option"],
    }  # fmt: skip


@given(st.sampled_from(["US", "UK", "CN", "IN", "EU", "DEFAULT"]), situations(), st.integers(0, 1439), st.randoms())
def test_at_until_nothing_stops_and_the_order_of_lists_does_not_matter(
    jurisdiction: str, facts: dict[str, Any], minute: int, random: Any
) -> None:
    rules = get_pack(jurisdiction).rules_for(
        decided_by={"engine"}, channel=facts["channel"], message_class=facts["message_class"], stage="overdue"
    )
    at = instant(f"2026-11-23T{minute // 60:02d}:{minute % 60:02d}:00Z")
    read = vocabulary().read_facts(facts | {"stage": "overdue"})

    judgement = judge(rules, read, at)

    if judgement.until is not None:
        assert at is not None
        assert judgement.until > at
        again = judge(rules, read, judgement.until)
        assert again.verdict not in ("defer", "cap_reached", "block")
        assert again.may_proceed
    shuffled = {name: random.sample(each, len(each)) if isinstance(each, tuple) else each for name, each in read.items()}
    other = judge(rules, shuffled, at)
    assert (other.verdict, other.until, other.deciding) == (judgement.verdict, judgement.until, judgement.deciding)
