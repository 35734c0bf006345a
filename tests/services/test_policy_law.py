"""A policy against the law at check time: what no case could make lawful is refused, the rule and its paragraph named."""

from datetime import date
from typing import Any

import pytest

from app.domain.policy_law import Lending, Unlawful, find_unlawful
from app.services.law_packs import get_pack, pack_for
from app.services.policy_documents import CONTENT, check_document, parse_policy
from app.services.policy_files import read_document
from app.services.policy_review import known_names, review_document
from tests.builders.policies import a_document, with_step

ON = date(2026, 11, 26)
CALL = {"task": "call", "queue": "early", "sla": "PT8H"}
PACKS = {
    "consumer-cn": ["CN"],
    "consumer-us": ["US"],
    "consumer-uk": ["UK"],
    "consumer-in": ["IN"],
    "consumer-eu": ["EU"],
    "secured-vehicle": ["CN", "US", "UK", "IN", "EU"],
}


def unlawful(document: dict[str, Any], jurisdiction: str, *, on: date = ON, **lending: str) -> list[Unlawful]:
    check_document(document, known_names())
    return find_unlawful(parse_policy(document, ""), get_pack(jurisdiction), Lending(**lending), on=on)


def rules(found: list[Unlawful]) -> set[str]:
    return {each.rule_id for each in found}


def test_a_call_at_23_is_refused_with_the_paragraph_named() -> None:
    document = with_step(ladder=None, at="23:00", action=CALL)

    review = review_document(None, document, on=ON, asked=["CN"])

    assert [(each.pointer, each.code) for each in review.problems] == [("/steps/0/at", "law")]
    assert "calls" not in review.problems[0].detail
    assert "makes a call task at 23:00; contact is allowed from 08:00 to 22:00" in review.problems[0].detail
    assert "CN-QUIET; GB/T 45251-2025 cl. 5.3" in review.problems[0].detail


@pytest.mark.parametrize(
    ("jurisdiction", "at", "rule"),
    [("CN", "22:00", "CN-QUIET"), ("US", "21:00", "US-REGF-HOURS"), ("UK", "07:59", "UK-CONTACT-TIMES"),
     ("IN", "19:00", "IN-HOURS"), ("EU", "21:00", "EU-HOURS"), ("DEFAULT", "20:00", "DEF-HOURS")],
)  # fmt: skip
def test_the_first_minute_outside_the_window_is_refused_and_the_last_inside_is_not(
    jurisdiction: str, at: str, rule: str
) -> None:
    inside = {"07:59": "08:00"}.get(at, f"{int(at[:2]) - 1}:59")
    open_hours = {"quiet_hours": {"start": "00:00", "end": "00:00"}}
    rung = {"ladder": [{"channel": "push"}], "expires_after": "PT1M"}

    late = with_step(at=at, **rung) | open_hours | {"not_after_margin": "PT0M"}
    fits = with_step(at=inside, **rung) | open_hours | {"not_after_margin": "PT0M"}

    assert rule in rules(unlawful(late, jurisdiction))
    assert rule not in rules(unlawful(fits, jurisdiction))


def test_any_minute_of_a_window_and_every_later_rung_counts() -> None:
    hours = {"quiet_hours": {"start": "23:00", "end": "08:00"}}
    spread = with_step(at={"window": ["18:00", "22:30"]}, ladder=[{"channel": "push"}]) | hours
    later = with_step(at="18:00", ladder=[{"channel": "push"}, {"channel": "sms", "after": "PT4H"}]) | hours

    assert [each.place for each in unlawful(spread, "CN")] == [("steps", "d+3", "at")]
    assert "at 22:00" in unlawful(spread, "CN")[0].detail
    assert ("steps", "d+3", "ladder", "1") in {each.place for each in unlawful(later, "CN")}


def test_in_app_alone_waits_to_be_opened_and_is_held_to_no_window() -> None:
    assert unlawful(with_step(at="23:00", ladder=[{"channel": "in_app"}]), "UK") == []


def test_hours_of_a_stage_bind_only_its_steps() -> None:
    late = {"at": "19:30", "expires_after": "PT20M", "ladder": [{"channel": "push"}]}

    assert unlawful(with_step(offset_days=-2, key="d-2", **late), "IN") == []
    assert rules(unlawful(with_step(**late), "IN")) == {"IN-HOURS"}


def test_quiet_hours_may_not_leave_open_what_the_law_closes_while_something_may_still_leave() -> None:
    wide = {"quiet_hours": {"start": "23:00", "end": "07:00"}}
    short = with_step(ladder=[{"channel": "push"}], expires_after="PT6H") | wide
    long = with_step(ladder=[{"channel": "push"}], expires_after="PT20H") | wide

    assert unlawful(short, "UK") == []
    assert [(each.place, each.rule_id) for each in unlawful(long, "UK")] == [(("quiet_hours",), "UK-CONTACT-TIMES")]


@pytest.mark.parametrize(
    ("jurisdiction", "caps", "rule"),
    [
        ("CN", [{"per": "borrower", "window": "P1D", "max": 3}], "CN-TRANQUIL"),
        ("EU", [{"per": "borrower", "window": "P1D", "max": 2}], "EU-NO-HARASS"),
        (
            "EU",
            [{"per": "borrower", "window": "P1D", "max": 1}, {"per": "borrower", "window": "P7D", "max": 4}],
            "EU-NO-HARASS",
        ),
    ],
)
def test_a_cap_above_the_law_is_refused(jurisdiction: str, caps: list[dict[str, Any]], rule: str) -> None:
    found = unlawful(a_document(caps=caps), jurisdiction)

    assert rules(found) == {rule}
    assert all(each.place == ("caps", str(len(caps) - 1), "max") for each in found)


def test_a_cap_per_debt_is_told_from_one_per_person() -> None:
    voice = {"ladder": [{"channel": "voice"}]}
    day = {"per": "borrower", "window": "P1D", "max": 1}

    def capped(per: str, most: int) -> set[str]:
        cap = {"per": per, "channel": "voice", "window": "P7D", "max": most}
        return rules(unlawful(with_step(**voice) | {"caps": [day, cap]}, "US"))

    assert "US-REGF-7IN7" not in capped("loan", 7)
    assert "US-REGF-7IN7" in capped("loan", 8)


def test_a_lower_cap_over_the_same_days_makes_a_higher_one_harmless() -> None:
    caps = [{"per": "borrower", "window": "P7D", "max": 3}, {"per": "borrower", "window": "P1D", "max": 1},
            {"per": "borrower", "channel": "sms", "window": "P7D", "max": 5}]  # fmt: skip

    assert unlawful(a_document(caps=caps), "EU") == []


def test_a_channel_that_is_closed_whatever_the_case_is_refused() -> None:
    found = [each for each in unlawful(with_step(), "DEFAULT") if each.rule_id == "DEF-CHANNELS"]

    assert [(each.place, "recalled and not yet verified" in each.told) for each in found] == [
        (("steps", "d+3", "ladder", "1"), True)
    ]


def test_what_a_consent_or_a_notice_could_allow_is_left_to_the_case() -> None:
    texts = with_step(ladder=[{"channel": "sms"}, {"channel": "email"}], expires_after="PT6H")

    assert unlawful(texts, "US") == []


def test_a_first_party_lender_is_not_held_to_what_binds_collectors() -> None:
    late = with_step(at="21:30", expires_after="PT20M") | {"quiet_hours": {"start": "22:30", "end": "08:00"}}

    assert "US-REGF-HOURS" in rules(unlawful(late, "US"))
    assert unlawful(late, "US", role="first_party") == []


def test_a_rule_that_is_not_in_force_yet_does_not_bind() -> None:
    late = with_step(ladder=None, at="23:00", action=CALL)

    assert rules(unlawful(late, "CN", on=date(2025, 2, 27))) == set()
    assert rules(unlawful(late, "CN", on=date(2025, 2, 28))) == {"CN-QUIET"}


def test_what_the_defaults_say_is_pointed_to_there() -> None:
    document = a_document(defaults={"at": "19:30"}, quiet_hours={"start": "22:00", "end": "08:00"})

    problems = review_document(None, document, on=ON, asked=["IN"]).problems

    assert {each.pointer for each in problems} == {"/defaults/at"}


@pytest.mark.parametrize(("name", "jurisdictions"), PACKS.items())
def test_every_ready_made_policy_is_in_order_where_it_is_for(name: str, jurisdictions: list[str]) -> None:
    document = read_document((CONTENT / f"{name}.yaml").read_text(encoding="utf-8"))

    review = review_document(None, document, on=ON)

    assert (document["policy"], list(review.packs)) == (name, jurisdictions)
    assert [(each.pointer, each.detail) for each in review.problems] == []


def test_every_shipped_file_is_one_of_these_or_the_default() -> None:
    assert {path.stem for path in CONTENT.glob("*.yaml")} == {*PACKS, "default"}


def test_a_country_without_a_pack_is_held_to_the_careful_one() -> None:
    assert review_document(None, with_step(), on=ON, asked=["MM"]).packs == ("DEFAULT",)
    assert pack_for("MM").is_missing
