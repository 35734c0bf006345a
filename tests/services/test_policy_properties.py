"""Any policy of the right form is read or refused with pointers; one in order comes out as it was written."""

import json
from itertools import pairwise
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.domain.audiences import FACTS
from app.domain.policies import MESSAGE_CLASSES, STAGE_ORDER
from app.domain.policy_diff import diff_policies
from app.domain.policy_law import Lending, find_unlawful
from app.domain.policy_words import STOP_WORDS, TEMPLATES
from app.services.law_packs import get_pack, jurisdictions
from app.services.policy_documents import _validator, find_problems, parse_policy
from app.services.policy_files import read_document
from app.services.policy_review import known_names
from tests.services.test_policy_law import ON

WALLS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from((0, 15, 59)))
DURATIONS = st.sampled_from(("PT0M", "PT5M", "PT90M", "PT4H", "PT10H", "P1D", "P3DT6H"))
CHANNELS = st.sampled_from(("in_app", "push", "sms", "voice", "wechat", "email", "letter"))
KEYS = st.from_regex(r"\A[a-z][a-z0-9_+-]{0,6}\Z")
NON_WORKING = st.sampled_from(("keep", "previous", "next", "skip"))
VALUES = st.one_of(st.booleans(), st.integers(-5, 50), st.sampled_from(("10.00", "reachable", "early", "x")))
BOUNDS = st.dictionaries(st.sampled_from(("gt", "lte", "CNY")), VALUES, max_size=2)
WANTED = st.one_of(VALUES, st.lists(VALUES, max_size=2), BOUNDS)
LEAVES = st.dictionaries(st.sampled_from((*FACTS, "nonsense")), WANTED, min_size=1, max_size=1)
JOINED = st.sampled_from(("all", "any", "none"))
CONDITIONS = st.recursive(
    LEAVES, lambda part: st.dictionaries(JOINED, st.lists(part, max_size=2), min_size=1, max_size=1), max_leaves=4
)
WAITS = {"after": DURATIONS, "unless": st.sampled_from(("seen", "delivered"))}
RUNGS = st.one_of(
    st.fixed_dictionaries({"channel": CHANNELS}, optional={"only_if": CONDITIONS}),
    st.fixed_dictionaries({"channel": CHANNELS, **WAITS}),
    st.fixed_dictionaries({"channel": CHANNELS, "give_up": st.fixed_dictionaries(WAITS)}),
)
AT = st.one_of(WALLS, st.fixed_dictionaries({"window": st.lists(WALLS, min_size=2, max_size=2), "pick": st.just("hash")}))
ARM_TEMPLATES = st.one_of(st.none(), st.sampled_from(sorted(TEMPLATES)))
ARMS = st.one_of(
    st.integers(0, 100), st.fixed_dictionaries({"percent": st.integers(0, 100), "template": ARM_TEMPLATES})
)  # fmt: skip
STEPS = st.fixed_dictionaries(
    {"key": KEYS, "offset_days": st.integers(-7, 30), "template": st.sampled_from((*TEMPLATES, "none"))},
    optional={
        "at": AT,
        "expires_after": DURATIONS,
        "audience": CONDITIONS,
        "class": st.sampled_from(MESSAGE_CLASSES),
        "notice": st.sampled_from(("default_notice", "none")),
        "on_non_working_day": NON_WORKING,
        "replaces": st.lists(KEYS, min_size=1, max_size=2, unique=True),
        "ladder": st.lists(RUNGS, min_size=1, max_size=3),
        "action": st.fixed_dictionaries({"task": st.sampled_from(("call", "letter")), "queue": KEYS, "sla": DURATIONS}),
        "experiment": st.fixed_dictionaries(
            {
                "key": KEYS,
                "arms": st.dictionaries(st.sampled_from(("a", "b", "control")), ARMS, min_size=2),
                "outcome": st.fixed_dictionaries({"paid_by": DURATIONS}),
            }
        ),
    },
)
CAPS = st.fixed_dictionaries(
    {
        "per": st.sampled_from(("borrower", "loan")),
        "window": st.sampled_from(("P1D", "P7D", "P366D")),
        "max": st.integers(1, 5),
    },
    optional={"channel": st.sampled_from(("push", "sms", "voice"))},
)
DAILY = st.just({"per": "borrower", "window": "P1D", "max": 1})
STAGES = st.one_of(
    st.just([{"key": "upcoming", "from": -7, "to": 0}, {"key": "early", "from": 1, "to": 30}]),
    st.lists(
        st.fixed_dictionaries(
            {"key": st.sampled_from((*STAGE_ORDER, "x")), "from": st.integers(-9, 40), "to": st.integers(-9, 40)}
        ),
        min_size=1, max_size=3,
    ),
)  # fmt: skip
QUIET = st.one_of(
    st.just({"start": "00:00", "end": "00:00"}), st.fixed_dictionaries({"start": WALLS, "end": WALLS})
)  # fmt: skip
DAYS = st.sampled_from(("2026-11-01", "2027-02-28", "2027-02-30"))
DOCUMENTS = st.fixed_dictionaries(
    {
        "policy": st.just("made-up"),
        "version": st.integers(1, 9),
        "caps": st.builds(lambda first, more: [first, *more], st.one_of(DAILY, CAPS), st.lists(CAPS, max_size=2)),
        "quiet_hours": QUIET,
        "stages": STAGES,
        "steps": st.lists(STEPS, min_size=1, max_size=3),
    },
    optional={
        "not_after_margin": DURATIONS,
        "tolerance": st.dictionaries(st.sampled_from(("CNY", "JPY", "XXY")), st.sampled_from(("1", "0.50")), max_size=2),
        "balance_max_age": DURATIONS,
        "stop_on": st.lists(st.sampled_from((*sorted(STOP_WORDS), "x")), max_size=2, unique=True),
        "in_force": st.dictionaries(st.sampled_from(("from", "until")), DAYS, min_size=1),
        "holdout": st.fixed_dictionaries({"key": KEYS, "percent": st.just(2), "max_stage": st.sampled_from(STAGE_ORDER)}),
        "calendar": st.fixed_dictionaries({}, optional={"country": st.just("CN"), "on_non_working_day": NON_WORKING}),
        "defaults": st.fixed_dictionaries(
            {}, optional={"at": AT, "expires_after": DURATIONS, "audience": CONDITIONS, "on_non_working_day": NON_WORKING,
                          "ladder": st.lists(RUNGS, min_size=1, max_size=2)},
        ),
    },
)  # fmt: skip


@given(DOCUMENTS)
def test_any_document_of_the_right_form_is_read_or_refused_where_it_is_wrong(document: dict[str, Any]) -> None:
    assert list(_validator().iter_errors(document)) == []

    problems = find_problems(document, known_names())

    for problem in problems:
        assert _stands(document, problem.pointer), problem
    if not problems:
        policy = parse_policy(document, "p")
        assert diff_policies(policy, parse_policy(document, "q")) == []
        assert [step.key for step in policy.steps] == [
            step["key"]
            for step in sorted(document["steps"], key=lambda each: (each["offset_days"], _begins(document, each)))
        ]
        for name in jurisdictions():
            for each in find_unlawful(policy, get_pack(name), Lending(), on=ON):
                assert _stands(document, each.pointer(document)), each


SOUND_VALUES = {
    "money": st.sampled_from(("10.00", {"gte": "10.00"}, {"lt": {"USD": "3", "CNY": "20"}})),
    "integer": st.sampled_from((1, {"gte": 2}, {"gt": 0, "lte": 5})),
    "boolean": st.booleans(),
    "text": st.sampled_from(("CN", ["CN", "US"])),
    "reach": st.sampled_from(("reachable", "unreachable")),
}
SOUND_LEAVES = st.sampled_from(sorted(set(FACTS) - {"stage"})).flatmap(
    lambda fact: st.fixed_dictionaries({fact: SOUND_VALUES[FACTS[fact][0]]})
)
SOUND_CONDITIONS = st.recursive(
    SOUND_LEAVES, lambda part: st.dictionaries(JOINED, st.lists(part, min_size=1, max_size=2), min_size=1, max_size=1)
)
SOUND_RUNGS = st.lists(
    st.fixed_dictionaries(
        {"channel": st.sampled_from(("push", "sms", "voice", "wechat", "email", "letter"))},
        optional={"only_if": SOUND_CONDITIONS},
    ),
    min_size=1, max_size=3, unique_by=lambda rung: rung["channel"],
)  # fmt: skip


@st.composite
def sound_documents(draw: st.DrawFn) -> dict[str, Any]:
    """Documents with nothing wrong in them, that use all of the language."""
    steps = []
    for number, offset in enumerate(draw(st.lists(st.integers(-7, 30), min_size=1, max_size=4))):
        step: dict[str, Any] = {"key": f"s{number}", "offset_days": offset, "audience": draw(SOUND_CONDITIONS)}
        step["at"] = draw(st.sampled_from(("09:00", "13:30", {"window": ["10:00", "11:00"], "pick": "hash"})))
        kind = draw(st.sampled_from(("message", "message", "call", "letter", "notice")))
        if kind != "call":
            step["template"] = draw(st.sampled_from(sorted(TEMPLATES)))
        if kind in ("call", "letter"):
            step["action"] = {"task": kind, "queue": "desk", "sla": "P1D"}
        else:
            rungs = draw(SOUND_RUNGS)
            for before, after in pairwise(rungs):
                wait = {"after": draw(st.sampled_from(("PT30M", "PT2H"))), "unless": draw(WAITS["unless"])}
                where, put = draw(st.sampled_from(((before, {"give_up": wait}), (after, wait), (after, {}))))
                where |= put
            step["ladder"] = [{"channel": "in_app"}, *rungs] if draw(st.booleans()) else rungs
        if kind == "notice":
            step |= {"class": "statutory", "notice": "default_notice"}
        if kind == "message" and draw(st.booleans()):
            share = draw(st.integers(0, 100))
            step["experiment"] = {
                "key": f"e{number}", "arms": {"a": share, "control": 100 - share}, "outcome": {"paid_by": "P3D"}
            }  # fmt: skip
        steps.append(step)
    return {
        "policy": "sound", "version": 1, "steps": steps, "tolerance": {"JPY": "100"}, "in_force": {"from": "2026-01-01"},
        "caps": [{"per": "borrower", "window": "P1D", "max": draw(st.integers(1, 3))}],
        "quiet_hours": {"start": draw(st.sampled_from(("18:00", "22:00"))), "end": "08:30"},
        "stages": [{"key": "upcoming", "from": -7, "to": 0}, {"key": "late", "from": 1, "to": 30}],
    }  # fmt: skip


@given(sound_documents())
def test_a_document_with_nothing_wrong_is_in_order_and_comes_out_as_written(document: dict[str, Any]) -> None:
    assert find_problems(document, known_names()) == []

    policy = parse_policy(read_document(yaml.safe_dump(json.loads(json.dumps(document)))), "p")

    assert diff_policies(policy, parse_policy(read_document(json.dumps(document)), "q")) == []
    by_key = {step.key: step for step in policy.steps}
    for step in document["steps"]:
        read = by_key[step["key"]]
        assert (read.offset_days, read.template) == (step["offset_days"], step.get("template", ""))
        assert [rung.channel for rung in read.ladder] == [rung["channel"] for rung in step.get("ladder", ())]
        waits = [key for rung in step.get("ladder", ()) for key in ("after", "give_up") if key in rung]
        assert len([rung for rung in read.ladder if rung.after is not None]) == len(waits)
        assert (read.experiment is not None) == ("experiment" in step)


def _begins(document: dict[str, Any], step: dict[str, Any]) -> str:
    at = step.get("at", document.get("defaults", {}).get("at", "10:00"))
    return str(at if isinstance(at, str) else at["window"][0])


def _stands(document: Any, pointer: str) -> bool:
    """Whether a pointer leads to something that was written."""
    for key in pointer.split("/")[1:]:
        if isinstance(document, list):
            document = document[int(key)]
        elif isinstance(document, dict) and key in document:
            document = document[key]
        else:
            return False
    return True
