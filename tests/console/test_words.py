"""What the console says: every phrase exists in each language, none is left over, and no template speaks for itself."""

import re
from pathlib import Path

import pytest

from app.console import doors
from app.console.credit_reports import REASONS as REPORT_REASONS
from app.domain import (
    attachments,
    collateral_events,
    collateral_sales,
    collateral_things,
    conversations,
    credit_bureaus,
    credit_corrections,
    credit_gates,
    credit_snapshots,
    disputes,
    hardship,
    holds,
    ledger,
    letter_stages,
    letters,
    payment_intents,
    promises,
    served_notices,
    visits,
)
from app.domain.arrangements import ArrangementState
from app.domain.calls import DIALLED, TELLABLE
from app.domain.consents import CHANNELS, PURPOSES
from app.domain.mandates import MandateState
from app.domain.plan_options import OptionKind
from app.domain.plan_requests import RequestState
from app.domain.reasons import Outcome
from app.domain.refunds import RefundState
from app.services import collateral_values
from app.services.borrower_hits import KINDS as SEARCHED
from app.services.borrower_pages import REASONS
from app.services.desk_conversations import SLA_STATES
from app.services.timeline_entries import KINDS as TIMELINE
from app.wording.console_words import catalogue, code_words
from app.wording.letter_kinds import KINDS as LETTER_KINDS
from app.wording.letter_kinds import kinds_of

CONSOLE = Path(doors.__file__).parent
_PATHS = [*sorted(CONSOLE.rglob("*.html")), *sorted(CONSOLE.parent.rglob("*.py"))]
SOURCES = {path: re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.S) for path in _PATHS}
TEMPLATES = {path: text for path, text in SOURCES.items() if path.suffix == ".html"}
SAID_BY_CODE = "codes"
"""The file whose phrases are asked for by codes of the data and not by name."""
CODES = {
    "": [
        *holds.HOLD_REASONS, *disputes.KINDS, *disputes.GROUNDS, *disputes.STATES, *hardship.STATES, *letters.STATES,
        *promises.STATES, *CHANNELS, *PURPOSES, *TIMELINE, *SEARCHED, *Outcome, *ledger.EntryKind, *RequestState,
        *RefundState, *ArrangementState, *OptionKind, *attachments.State, *attachments.PURPOSES, "deceased", "insolvent",
        "represented", "no_contact", "minor_or_unverified", "active", "closed", "written_off", "cancelled",
    ],
    "call": [*TELLABLE, DIALLED],
    "collateral": [*collateral_things.KINDS, *collateral_events.ThingState, *collateral_events.EventKind],
    "cost": collateral_events.COST_KINDS, "redemption": collateral_sales.Basis, "sale": collateral_sales.METHODS,
    "collateral_sale": collateral_sales.SaleState, "collateral_reversal": collateral_sales.ReversalState,
    "figures": collateral_sales.FIGURES, "appraisal": collateral_values.SOURCES, "cover": collateral_values.COVERS,
    "visit": [*visits.OUTCOMES, *visits.STATES, *visits.WITHDRAWN, *visits.PLACES], "change": hardship.CHANGES,
    "mandate": MandateState, "intent": payment_intents.IntentState, "opening": REASONS,
    "letter_stage": letter_stages.STAGES, "proof": served_notices.KEPT,
    "letter_kind": [
        *LETTER_KINDS, *(each.served_as for code in ("CN", "US", "UK", "IN", "EU") for each in kinds_of(code).values()),
    ],
    "credit": [
        *credit_snapshots.STATES, *credit_corrections.MOVES, *credit_corrections.REASONS, *credit_bureaus.STATES,
        *credit_gates.KINDS, *credit_bureaus.FORMATS, credit_bureaus.ALL, credit_bureaus.NEGATIVE_ONLY,
        credit_gates.MARKED, credit_gates.WITHHELD, *REPORT_REASONS, credit_corrections.CORRECTION,
        credit_corrections.DELETION, "started", "furnished", "corrected", "deleted",
    ],
    "thread": [*conversations.KINDS, *conversations.PRIORITIES, *conversations.STATUSES, *SLA_STATES],
}  # fmt: skip
"""Vocabularies that pages show: what they are of -> their codes."""


def without_code(text: str) -> str:
    """The text of a template that stands for itself."""
    return re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<!.*?>", " ", text, flags=re.S)


def keys_in(text: str) -> set[str]:
    return {key for key in re.findall(r"[\"']([a-z_]+\.[a-z0-9_]+)[\"']", text) if key.split(".")[0] in NOUNS}


def beginnings_in(text: str) -> set[str]:
    """Keys that are put together: t("frame.role_" ~ role)."""
    return {a or b for a, b in re.findall(r"[\"']([a-z_]+\.[a-z0-9_]*)[\"']\s*[~+]|f\"([a-z_]+\.[a-z0-9_]*)\{", text)}


NOUNS = {key.split(".")[0] for key in catalogue()}


def test_every_phrase_that_is_asked_for_is_there() -> None:
    asked = {
        (path.name, key) for path, text in SOURCES.items() for key in re.findall(r"\bt\(\s*[\"']([\w.]+)[\"']\s*[,)]", text)
    }

    assert len(asked) > 100
    assert sorted(each for each in asked if each[1] not in catalogue()) == []


def test_every_beginning_of_a_phrase_fits_one() -> None:
    found = {
        (path.name, start) for path, text in SOURCES.items() for start in beginnings_in(text) if start.split(".")[0] in NOUNS
    }

    assert sorted(each for each in found if not any(key.startswith(each[1]) for key in catalogue())) == []


def test_no_phrase_is_left_over() -> None:
    named = set().union(*map(keys_in, SOURCES.values()))
    beginnings = (f"{SAID_BY_CODE}.", *{start for text in SOURCES.values() for start in beginnings_in(text)})

    left = {key for key in catalogue() if key not in named and not key.startswith(beginnings)}

    assert sorted(left) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_says_nothing_by_itself(path: Path) -> None:
    text = without_code(TEMPLATES[path])

    said = re.sub(r"<kbd>.*?</kbd>|<[^>]*>|&\w+;", " ", text)
    in_attributes = re.findall(r"(?:aria-label|title|placeholder|alt|content)=\"([^\"{]*[A-Za-z]{3,}[^\"]*)\"", text)

    assert re.findall(r"[A-Za-z]{2,}|[\u4e00-\u9fff]+", said.replace("Duecourse", "")) == []
    assert [each for each in in_attributes if "width=device-width" not in each and each != "light dark"] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_inline_script_style_or_expression_of_htmx(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", TEMPLATES[path], flags=re.S)

    assert (
        re.findall(
            r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|hx-on|\bjs:|javascript:|hx-trigger=\"[^\"]*\[|hx-vals", text
        )
        == []
    )
    assert re.findall(r"(?:src|href|action)=[\"']?(?:https?:)?//", text) == []


@pytest.mark.parametrize("what", CODES)
def test_codes_that_pages_show_have_words(what: str) -> None:
    nameless = [
        code for code in map(str, CODES[what]) if not {f"codes.{what}__{code}", f"codes.{code}"} & catalogue().keys()
    ]

    assert nameless == []


def test_a_code_without_words_is_still_readable() -> None:
    assert code_words("x", "NEVER_heard_of", "en") == "never heard of"


def test_placeholders_are_the_same_in_every_language() -> None:
    places = {
        key: {frozenset(re.findall(r"\{(\w+)\}", text)) for text in words.values()} for key, words in catalogue().items()
    }

    assert [key for key, found in places.items() if len(found) > 1] == []


def test_chinese_phrases_hold_no_english_sentence() -> None:
    sentence = re.compile(r"[A-Za-z]{2,}(?: [A-Za-z]{2,}){2}")
    commands = re.compile(r"`[^`]*`")

    assert [key for key, words in catalogue().items() if sentence.search(commands.sub("", words["zh-CN"]))] == []
