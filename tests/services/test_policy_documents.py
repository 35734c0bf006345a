"""What a policy document may not say, each refused with its pointer; and what it says when it may."""

from datetime import time, timedelta
from typing import Any

import pytest

from app.domain.errors import ValidationError
from app.domain.policies import Cap, Experiment, Holdout, Rung
from app.services.policy_documents import check_document, find_problems, parse_policy
from app.services.policy_review import known_names
from tests.builders.policies import a_document, with_step

EXPERIMENT = {"key": "tone", "arms": {"positive": 50, "control": 50}, "outcome": {"paid_by": "P3D"}}
CALL = {"task": "call", "queue": "early", "sla": "PT8H"}


def _caps(*more: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"per": "borrower", "window": "P1D", "max": 1}, *more]


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    # form
    (a_document(quite_hours={}), "/quite_hours", "did you mean 'quiet_hours'"),
    (a_document(legal=["cn"]), "/legal", "by the lender's jurisdiction"),
    (a_document(caps=None), "", "'caps' is a required property"),
    (with_step(offset_day=3), "/steps/0/offset_day", "did you mean 'offset_days'"),
    (with_step(sla="PT8H"), "/steps/0/sla", "belongs into `action`"),
    (with_step(at="9:00"), "/steps/0/at", "not a time of day"),
    (with_step(at={"window": ["10:00"], "pick": "hash"}), "/steps/0/at/window", "too short"),
    (with_step(at={"window": ["10:00", "11:00"], "pick": "best"}), "/steps/0/at/pick", "'hash' was expected"),
    (with_step(expires_after="10h"), "/steps/0/expires_after", "not a duration"),
    (with_step(ladder=[{"channel": "inapp"}]), "/steps/0/ladder/0/channel", "did you mean 'in_app'"),
    (with_step(ladder=[{"channel": "fax"}]), "/steps/0/ladder/0/channel", "it is one of in_app, push"),
    (with_step(**{"class": "marketing"}), "/steps/0/class", "'marketing' is not known"),
    (with_step(ladder=[{"channel": "push"}, {"channel": "sms", "unless": "seen"}]), "/steps/0/ladder/1", "'after'"),
    (a_document(caps=[{"per": "borrower", "window": "P0D", "max": 1}]), "/caps/0/window", "does not have the form"),
    (a_document(caps=_caps({"per": "loan", "channel": "in_app", "window": "P7D", "max": 1})), "/caps/1/channel", "in_app"),
    (a_document(policy="No Good"), "/policy", "form"),
    (a_document(description="a\x00b"), "", "control characters"),
    (with_step(at="10:00\n"), "", "line ends only in its description"),
    (a_document(version=1.0), "", "no exact value"),
    (a_document(description={"a": {}} | {"b": [[[[[[[[[[]]]]]]]]]]}), "/description", "is not of type 'string'"),
    # names
    (with_step(template="overdue-early"), "/steps/0/template", "did you mean 'overdue_early'"),
    (with_step(template=None), "/steps/0", "'template' is missing"),
    (with_step(audience={"outstandin": {"gte": "1.00"}}), "/steps/0/audience/outstandin", "did you mean 'outstanding'"),
    (with_step(audience={"outstanding": {"gte": 10}}), "/steps/0/audience/outstanding/gte", "decimal in quotes"),
    (with_step(audience={"all": [{"stage": "earlie"}]}), "/steps/0/audience/all/0/stage", "did you mean 'early'"),
    (with_step(ladder=[{"channel": "sms", "only_if": {"pushh": "reachable"}}]), "/steps/0/ladder/0/only_if/pushh", "'push'"),
    (with_step(notice="default_notis"), "/steps/0/notice", "did you mean 'default_notice'"),
    (a_document(stop_on=["dispte"]), "/stop_on/0", "did you mean 'dispute'"),
    (a_document(stop_on=["dispute", "dispute"]), "/stop_on", "non-unique"),
    (a_document(jurisdictions=["CM"]), "/jurisdictions/0", "no jurisdiction there is a law pack for"),
    (a_document(defaults={"audience": {"nothing": 1}}), "/defaults/audience/nothing", "no fact"),
    # stages
    (a_document(stages=[{"key": "erly", "from": -7, "to": 30}]), "/stages/0/key", "did you mean 'early'"),
    (with_step(offset_days=31), "/steps/0/offset_days", "No stage covers day 31"),
    (a_document(stages=[{"key": "early", "from": 30, "to": -7}]), "/stages/0", "ends before it begins"),
    (
        a_document(stages=[{"key": "upcoming", "from": -7, "to": 1}, {"key": "early", "from": 1, "to": 30}]),
        "/stages/1",
        "share days",
    ),
    (
        a_document(stages=[{"key": "early", "from": -7, "to": 0}, {"key": "early", "from": 1, "to": 30}]),
        "/stages/1/key",
        "there twice",
    ),
    (
        a_document(stages=[{"key": "early", "from": -7, "to": 0}, {"key": "upcoming", "from": 1, "to": 30}]),
        "/stages",
        "this order",
    ),
    # keys
    (a_document(steps=[with_step()["steps"][0]] * 2), "/steps/1/key", "/steps/0 has the key 'd+3' already"),
    (with_step(replaces=["d+3"]), "/steps/0/replaces/0", "only a key that is gone"),
    (
        a_document(
            steps=[with_step(replaces=["old"])["steps"][0], with_step(key="other", replaces=["old"])["steps"][0]],
        ),
        "/steps/1/replaces/0",
        "/steps/0 replaces 'old' already",
    ),
    # times
    (with_step(at="22:00"), "/steps/0/at", "lies in the quiet hours at 22:00"),
    (with_step(at={"window": ["19:00", "20:30"], "pick": "hash"}), "/steps/0/at", "quiet hours at 20:00"),
    (with_step(at={"window": ["12:00", "10:00"]}), "/steps/0/at", "ends before it begins"),
    (a_document(defaults={"at": "21:00"}), "/defaults/at", "lies in the quiet hours"),
    (with_step(expires_after="PT0M"), "/steps/0/expires_after", "has run out when it is reached"),
    (with_step(expires_after="PT5M"), "/steps/0/expires_after", "not_after_margin"),
    (
        with_step(ladder=[{"channel": "push"}, {"channel": "sms", "after": "PT10H"}]),
        "/steps/0/ladder/1",
        "waits 10 h, and the step runs out after 10 h",
    ),
    (
        with_step(ladder=[{"channel": "push", "give_up": {"after": "P1D"}}, {"channel": "sms"}]),
        "/steps/0/ladder/1",
        "waits 1 day",
    ),
    (
        with_step(at="19:00", ladder=[{"channel": "push"}, {"channel": "sms", "after": "PT4H"}]),
        "/steps/0/ladder/1",
        "before they end",
    ),
    # ladders
    (with_step(ladder=[{"channel": "push"}, {"channel": "push"}]), "/steps/0/ladder", "push is on the ladder 2 times"),
    (with_step(ladder=[{"channel": "push", "after": "PT1H"}]), "/steps/0/ladder/0/after", "none before it"),
    (with_step(ladder=[{"channel": "push", "give_up": {"after": "PT1H"}}]), "/steps/0/ladder/0/give_up", "none"),
    (
        with_step(ladder=[{"channel": "push", "give_up": {"after": "PT1H"}}, {"channel": "sms", "after": "PT2H"}]),
        "/steps/0/ladder/1/after",
        "says already",
    ),
    (with_step(ladder=[{"channel": "push"}, {"channel": "in_app", "after": "PT1H"}]), "/steps/0/ladder/1/after", "at once"),
    # classes, actions
    (with_step(**{"class": "servicing"}), "/steps/0/class", "which no cap counts"),
    (with_step(**{"class": "statutory"}), "/steps/0/class", "names the `notice`"),
    (with_step(action=CALL), "/steps/0/ladder", "it has not a ladder"),
    (with_step(action={**CALL, "task": "letter"}, ladder=None, template=None), "/steps/0", "'template' is missing"),
    # experiments
    (with_step(experiment={**EXPERIMENT, "arms": {"a": 50, "control": 40}}), "/steps/0/experiment/arms", "add up to 90"),
    (with_step(experiment={**EXPERIMENT, "arms": {"a": 50, "b": 50}}), "/steps/0/experiment/arms", "do not differ"),
    (
        with_step(experiment={**EXPERIMENT, "arms": {"a": {"percent": 50, "template": "x"}, "control": 50}}),
        "/steps/0/experiment/arms/a/template",
        "no template",
    ),
    (
        with_step(experiment=EXPERIMENT, **{"class": "statutory", "notice": "default_notice"}),
        "/steps/0/experiment",
        "Nobody may be left out",
    ),
    (
        with_step(experiment=EXPERIMENT) | {"holdout": {"key": "tone", "percent": 2, "max_stage": "early"}},
        "/steps/0/experiment/key",
        "in both",
    ),
    (
        a_document(
            steps=[
                with_step(experiment=EXPERIMENT)["steps"][0],
                with_step(key="x", experiment={**EXPERIMENT, "arms": {"positive": 60, "control": 40}})["steps"][0],
            ]
        ),
        "/steps/1/experiment/arms",
        "people would change arms",
    ),
    (a_document(holdout={"key": "h", "percent": 2, "max_stage": "mid"}), "/holdout/max_stage", "no stage of this policy"),
    # figures
    (a_document(caps=_caps(*_caps())), "/caps/1", "/caps/0 already"),
    (a_document(caps=[{"per": "loan", "window": "P1D", "max": 1}]), "/caps", "daily cap is missing"),
    (a_document(caps=[{"per": "borrower", "window": "P1D", "max": 4}]), "/caps/0/max", "never more than 3"),
    (a_document(tolerance={"XYZ": "1.00"}), "/tolerance/XYZ", "ISO 4217"),
    (a_document(tolerance={"JPY": "1.50"}), "/tolerance/JPY", "more decimals"),
    (a_document(in_force={"from": "2027-02-30"}), "/in_force/from", "no day of the calendar"),
    (a_document(in_force={"from": "2027-02-01", "until": "2027-02-01"}), "/in_force", "ends before it begins"),
    (a_document(balance_max_age="PT0M"), "/balance_max_age", "leaves no loan"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "pointer", "said"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_meant_is_refused_where_it_stands(document: dict[str, Any], pointer: str, said: str) -> None:
    problems = find_problems(document, known_names())

    assert [pointer] == sorted({problem.pointer for problem in problems if said in problem.detail})


def test_a_document_in_order_has_no_problem() -> None:
    assert find_problems(a_document(), known_names()) == []
    assert find_problems(with_step(ladder=[{"channel": "in_app"}]), known_names()) == []
    assert find_problems(a_document(description="One line,\nand another."), known_names()) == []


def test_every_problem_is_said_at_once() -> None:
    document = a_document(stop_on=["dispte"], tolerance={"XYZ": "1"}, steps=[*a_document()["steps"], *with_step()["steps"]])

    with pytest.raises(ValidationError) as refusal:
        check_document(document)

    assert [each.pointer for each in refusal.value.errors] == ["/stop_on/0", "/tolerance/XYZ", "/steps/2/key"]
    assert "and 2 more" in refusal.value.detail


@pytest.mark.parametrize("document", [None, 3, [], "x", {}, {"policy": None}, {"steps": [{}]}])
def test_what_is_no_policy_at_all_is_refused_and_never_an_error_of_ours(document: Any) -> None:
    assert find_problems(document, known_names())


def test_a_tree_too_deep_is_refused() -> None:
    deep: Any = {"amount": "1.00"}
    for _ in range(2000):
        deep = {"all": [deep]}

    assert [each.code for each in find_problems(with_step(audience=deep))] == ["form"]


def test_everything_a_document_says_comes_out_as_values() -> None:
    document = a_document(
        caps=_caps({"per": "loan", "channel": "sms", "window": "P7D", "max": 3}),
        tolerance={"CNY": "1.50", "JPY": "30"},
        stop_on=["bankruptcy", "plan_agreed"],
        balance_max_age="P2DT6H",
        holdout={"key": "h", "percent": 2, "max_stage": "early"},
        calendar={"country": "CN", "on_non_working_day": "next"},
        defaults={"at": {"window": ["10:00", "11:30"], "pick": "hash"}},
        steps=[
            {
                "key": "late", "offset_days": 5, "template": "overdue_help", "replaces": ["old"], "at": "12:00",
                "audience": {"all": [{"overdue": {"gte": "10.00"}}, {"autopay": False}]},
                "experiment": {**EXPERIMENT, "arms": {"b": {"percent": 60, "template": "overdue_options"}, "control": 40}},
                "ladder": [
                    {"channel": "push", "give_up": {"unless": "delivered", "after": "PT4H"}},
                    {"channel": "sms", "only_if": {"any": [{"push": "unreachable"}, {"amount": {"gte": "500"}}]}},
                ],
            },
            {"key": "notice", "offset_days": 5, "template": "statutory_arrears_notice", "class": "statutory",
             "notice": "notice_of_sums_in_arrears"},
            {"key": "call", "offset_days": 5, "at": "09:30", "on_non_working_day": "skip",
             "action": {**CALL, "needs_approval": True}},
        ],
    )  # fmt: skip
    check_document(document, known_names())

    policy = parse_policy(document, "p1")

    call, notice, late = policy.steps
    assert (policy.key, policy.version_no, policy.policy_id, policy.calendar_country) == ("acme", 1, "p1", "CN")
    assert policy.caps == (Cap(1, 1), Cap(7, 3, "sms", "loan"))
    assert policy.tolerance == {"CNY": 150, "JPY": 30}
    assert policy.stop_on == {"insolvent", "plan_agreed"}
    assert policy.balance_max_age == timedelta(days=2, hours=6)
    assert policy.holdout == Holdout("h", 2, "early")
    assert (notice.at, notice.until, notice.message_class) == (time(10), time(11, 30), "statutory")
    assert notice.on_non_working_day == "next"
    assert (call.action is not None and call.action.needs_approval, call.ladder, call.on_non_working_day) == (
        True,
        (),
        "skip",
    )
    assert late.ladder[0] == Rung("push")
    assert (late.ladder[1].after, late.ladder[1].unless) == (timedelta(hours=4), "delivered")
    assert late.ladder[1].only_if.facts() == {"push", "amount"}
    assert late.experiment == Experiment("tone", (("b", 60, "overdue_options"), ("control", 40, None)), timedelta(days=3))
    assert (late.replaces, late.stage, late.message_class) == (("old",), "early", "collection")


def test_a_condition_reads_the_same_in_whatever_order_it_was_kept() -> None:
    one = with_step(audience={"amount": {"lte": {"USD": "70", "CNY": "500"}, "gt": "1.00"}})
    other = with_step(audience={"amount": {"gt": "1.00", "lte": {"CNY": "500", "USD": "70"}}})

    texts = [parse_policy(each, "p").steps[0].audience.text for each in (one, other)]

    assert texts == ["amount gt 1.00 and amount lte 500 CNY or 70 USD"] * 2
