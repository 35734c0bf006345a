"""Nothing that can be done at the desk makes a contact that a law forbids, and what no law forbids no law refuses.

Random borrowers, random acts by random roles with random reasons. Whatever goes through is held against the rules of the
law packs, run one by one on facts that are told anew (tests/builders/contact_worlds.py), never through the gate itself. An
act is a line in ACTS: whoever adds a way to reach a borrower adds it there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.domain.contact_gates import ContactAsked
from app.domain.errors import DomainError, LawRefusedError
from app.domain.permissions import ROLES
from app.domain.visits import Visitor, VisitPlan
from app.persistence.ids import new_id
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import agenda, conversations, desk_replies, dials, rule_parts, visits
from app.services.contact_gates import ask_contact, require_contact
from app.services.conversations import Word
from app.services.desk_conversations import Actor
from app.services.desk_replies import NewReply
from app.services.dials import Caller
from app.services.manual_message_words import NewMessage
from app.services.manual_messages import send_message
from app.services.policies import activate_document
from app.wording.catalogue import template_infos
from app.wording.free_text_lint import markers_of_free_text
from tests.builders.cases import default_document
from tests.builders.contact_worlds import WORLDS, Asked, World, begin

EVERYTHING = ("sms", "push", "email", "wechat", "letter", "voice")
PLAIN = "We have your papers now, thank you. Reply here if you have questions."
DEMAND = "Please pay what is open. Free independent debt advice is there for you; reply here, or write stop."
ANSWER = "You asked what is open: it is in the app. Reply here if that is not right."


ANSWER_WITH_STOP = f"{ANSWER} Write stop to end these messages."


@dataclass(frozen=True)
class Who:
    """Somebody at the desk, and what they write where a reason is asked for."""

    role: str
    reason: str | None


Act = Callable[[Work, World, Who, datetime], None]


def _send(work: Work, world: World, who: Who, at: datetime, *, new: NewMessage) -> None:
    send_message(work, world.built.borrower_id, new, by="staff:Eve", role=who.role, lender_id=world.built.lender_id, now=at)


def _gated(work: Work, world: World, who: Who, at: datetime, *, asked: ContactAsked) -> None:
    """An act that is made by a service of its own: what that asks before it acts."""
    agenda.touch(work, [world.built.borrower_id], now=at)
    answer = ask_contact(work.session, world.built.borrower_id, asked, lender_id=world.built.lender_id, now=at)
    require_contact(answer, role=who.role, override_reason=who.reason)


def _by_template(channel: str, template: str, who: Who) -> tuple[Act, Asked]:
    stated = template_infos()[template, channel]["en"].markers or frozenset()
    shown = template_infos()[template, "in_app"]["en"].markers or frozenset() if channel == "push" else frozenset()
    new = NewMessage(channel, template, override_reason=who.reason)
    return partial(_send, new=new), Asked(channel, is_demand=True, markers=stated | shown, is_kept=channel != "in_app")


def _by_text(channel: str, text: str, message_class: str, who: Who) -> tuple[Act, Asked]:
    title = "From us" if channel == "email" else None
    new = NewMessage(channel, title=title, text=text, message_class=message_class, override_reason=who.reason)
    markers = markers_of_free_text(channel, title or "", text)
    return partial(_send, new=new), Asked(
        channel, is_demand=text == DEMAND or message_class == "collection", markers=markers, is_kept=channel != "in_app"
    )


def _answer(work: Work, world: World, who: Who, at: datetime, *, text: str) -> None:
    """The borrower wrote in the app, and is answered there."""
    said = Word(f"in/{new_id()}", "in_app", "What is open?", at - timedelta(minutes=5))
    asked = conversations.add_word(work, world.built.borrower_id, said, now=at - timedelta(minutes=5))
    staff = Actor("staff:Eve", world.built.lender_id, who.role)
    desk_replies.reply(work, staff, asked.conversation_id, NewReply(new_id(), text), now=at)


def _reply(text: str, _who: Who) -> tuple[Act, Asked]:
    markers = markers_of_free_text("in_app", "", text)
    return partial(_answer, text=text), Asked("in_app", is_demand=False, is_reply=True, markers=markers)


def _reply_elsewhere(channel: str, _who: Who) -> tuple[Act, Asked]:
    asked = ContactAsked(channel, "support", is_reply=True, text=ANSWER)
    markers = markers_of_free_text(channel, "", ANSWER)
    return partial(_gated, asked=asked), Asked(channel, is_demand=False, is_reply=True, markers=markers)


def _dial(message_class: str, _who: Who) -> tuple[Act, Asked]:
    def act(work: Work, world: World, who: Who, at: datetime) -> None:
        caller, asked = Caller("staff:Eve", who.role), ContactAsked("voice", message_class, (world.built.loan_id,))
        dials.dial(work, world.built.borrower_id, asked, lender_id=world.built.lender_id, caller=caller, now=at,
                   override_reason=who.reason)  # fmt: skip

    return act, Asked("voice", is_demand=message_class != "servicing", is_kept=True)


def _visit(place: str, _who: Who) -> tuple[Act, Asked]:
    def act(work: Work, world: World, who: Who, at: datetime) -> None:
        actor = visits.Actor("staff:Eve", who.role, world.built.lender_id)
        plan = VisitPlan(place, at, at + timedelta(minutes=1), [Visitor("Eve", "E-1")], None if place == "home" else "Works")
        planned = visits.plan_visit(work, world.built.borrower_id, plan, [world.built.loan_no], actor=actor, now=at,
                                    override_reason=who.reason)  # fmt: skip
        visits.start_visit(work, planned.id, actor=actor, now=at)

    return act, Asked("visit", is_demand=True, place=place, is_kept=True)


def _letter(template: str, _who: Who) -> tuple[Act, Asked]:
    markers = template_infos()[template, "letter"]["en"].markers
    asked = ContactAsked("letter", "collection", template=template)
    return partial(_gated, asked=asked), Asked("letter", is_demand=True, markers=markers)


LATE = ("overdue_help", "overdue_early", "final_help")
ACTS: st.SearchStrategy[Callable[[Who], tuple[Act, Asked]]] = st.one_of(
    st.builds(lambda channel, template: partial(_by_template, channel, template),
              st.sampled_from(("in_app", "push", "sms", "email")), st.sampled_from((*LATE, "due_soon", "due_today"))),
    st.builds(lambda channel, text, given: partial(_by_text, channel, text, given),
              st.sampled_from(("in_app", "sms", "email")), st.sampled_from((PLAIN, DEMAND)),
              st.sampled_from(("servicing", "collection"))),
    st.builds(lambda text: partial(_reply, text), st.sampled_from((ANSWER, ANSWER_WITH_STOP))),
    st.builds(lambda channel: partial(_reply_elsewhere, channel), st.sampled_from(("sms", "email"))),
    st.builds(lambda given: partial(_dial, given), st.sampled_from(("collection", "reminder", "servicing"))),
    st.builds(lambda place: partial(_visit, place), st.sampled_from(("home", "workplace"))),
    st.builds(lambda template: partial(_letter, template), st.sampled_from(("letter_arrears",))),
)  # fmt: skip
"""Ways to reach a borrower: who acts -> (the act, what it is by the oracle's words)."""
PEOPLE = st.builds(Who, st.sampled_from(ROLES), st.sampled_from((None, "They asked us to be told today", "x")))


def _hold_to_the_law(world: World, acts: list[Any], seen: dict[str, int]) -> None:
    world.store()
    at = world.now
    for make, who in acts:
        act, asked = make(who)
        stops = world.stops(asked, at)
        outcome, refused = _done(act, world, who, at)
        seen[outcome] += 1
        if outcome == "refused":
            assert stops, f"refused by law, {refused}, and no rule forbids {asked} for {world}"
        if outcome == "made":
            assert not stops, f"made against {stops}: {asked} by {who} for {world}"
            if asked.is_kept:
                outcome = "no_answer" if asked.channel == "voice" else "sent"
                world.told_try(at, asked.channel, outcome, debt=world.built.loan_id)
            at += timedelta(minutes=1)


def _done(act: Act, world: World, who: Who, at: datetime) -> tuple[str, DomainError | None]:
    """Do it: made, refused by law, or otherwise refused."""
    try:
        with unit_of_work() as work:
            act(work, world, who, at)
    except LawRefusedError as refused:
        return "refused", refused
    except DomainError as refused:
        return "otherwise", refused
    return "made", None


def _desk() -> None:
    """Every channel has a provider, and no step of the policy is reached meanwhile."""
    begin()
    rule_parts.use_channels(EVERYTHING)
    document = default_document() | {"version": 7, "steps": [{"key": "d-30", "offset_days": -30, "template": "due_soon"}]}
    document["stages"] = [{"key": "upcoming", "from": -30, "to": 0}, {"key": "early", "from": 1, "to": 90}]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=datetime.fromisoformat("2026-01-01T00:00:00Z"))


def _run(examples: int) -> dict[str, int]:
    seen = {"made": 0, "refused": 0, "otherwise": 0}

    @settings(max_examples=examples, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)
    @given(world=WORLDS, acts=st.lists(st.tuples(ACTS, PEOPLE), min_size=1, max_size=3))
    def hold(world: World, acts: list[Any]) -> None:
        _hold_to_the_law(world, acts, seen)

    _desk()
    try:
        hold()
    finally:
        rule_parts.use_channels([])
    return seen


def test_nothing_done_at_the_desk_is_against_the_law_and_the_law_refuses_nothing_else(sqlite_book: Flask) -> None:
    seen = _run(120)

    assert min(seen.values()) >= 15, f"{seen}: the borrowers drawn show too little"


@pytest.mark.nightly
def test_nothing_done_at_the_desk_is_against_the_law_in_many_more_worlds(app: Flask) -> None:
    seen = _run(1_000)

    assert min(seen.values()) >= 120, seen
