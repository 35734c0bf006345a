"""What a borrower does with messages: axes of their own, idempotent, on the server's clock."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.domain.inbox import ACTIONS, CATEGORIES, CATEGORY_OF_PREFIX, CATEGORY_OF_TEMPLATE, actions_of, category_of
from app.persistence.ids import new_id
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.wording.catalogue import template_infos
from app.wording.inbox_words import action_words
from tests.api.test_inbox import DUE, tell
from tests.builders.access import signed_in
from tests.builders.book import Built, build_loan
from tests.conftest import START

Mark = Callable[..., Any]
SetClock = Callable[[datetime], None]
HOUR = timedelta(hours=1)


@pytest.fixture
def loan(app: Flask) -> Built:
    return build_loan(now=START, due=DUE)


@pytest.fixture
def mark(client: FlaskClient, loan: Built) -> Mark:
    """Marks a message, signed in at the book's present."""

    def ask(message_id: str, how: str, *, at: datetime = START, **body: Any) -> Any:
        given = {"json": body} if body else {}
        return client.post(f"/v1/me/inbox/{message_id}/{how}", headers=signed_in(loan.borrower_id, now=at), **given).json

    return ask


def listed(client: FlaskClient, loan: Built, query: str = "", *, at: datetime = START) -> list[str]:
    page = client.get(f"/v1/me/inbox?{query}", headers=signed_in(loan.borrower_id, now=at)).json
    return [item["id"] for item in page["items"]]


def test_seen_read_and_archived_are_axes_of_their_own(mark: Mark, loan: Built) -> None:
    message_id = tell(loan)

    seen = mark(message_id, "seen")
    assert (seen["item"]["seen_at"], seen["item"]["read_at"]) == ("2026-03-02T09:00:00Z", None)
    assert (seen["counts"]["unseen"], seen["counts"]["unread"]) == (0, 1)
    archived = mark(message_id, "archive")
    assert (archived["item"]["read_at"], archived["counts"]["total"]) == (None, 0)
    read = mark(message_id, "read")
    assert (read["item"]["archived_at"], read["item"]["read_at"]) == ("2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z")


@pytest.mark.parametrize("how", ["seen", "read", "archive", "actions/pay"])
def test_a_mark_made_twice_changes_neither_the_time_nor_the_state(
    mark: Mark, loan: Built, how: str, set_clock: SetClock
) -> None:
    message_id = tell(loan)
    once = mark(message_id, how)

    set_clock(START + HOUR)

    assert mark(message_id, how, at=START + HOUR) == once


def test_every_mark_raises_the_state_by_one_and_stamps_the_message(mark: Mark, loan: Built) -> None:
    first, _ = tell(loan, "a"), tell(loan, "b")

    answers = [mark(first, how) for how in ("seen", "read", "unread", "archive", "unarchive")]

    assert [answer["state"] for answer in answers] == [3, 4, 5, 6, 7]
    assert [answer["item"]["state"] for answer in answers] == [3, 4, 5, 6, 7]


def test_a_snoozed_message_is_away_until_its_time_and_comes_back_unread(
    client: FlaskClient, mark: Mark, loan: Built, set_clock: SetClock
) -> None:
    message_id = tell(loan)
    mark(message_id, "read")

    away = mark(message_id, "snooze", until="2026-03-02T10:00:00Z")
    assert (away["item"]["snoozed_until"], away["counts"]["total"]) == ("2026-03-02T10:00:00Z", 0)
    assert (listed(client, loan), listed(client, loan, "snoozed=true")) == ([], [message_id])
    set_clock(START + HOUR - timedelta(seconds=1))
    assert listed(client, loan, at=START + HOUR) == []
    set_clock(START + HOUR)

    headers = signed_in(loan.borrower_id, now=START + HOUR)
    back = client.get(f"/v1/me/inbox/changes?since={away['state']}", headers=headers).json

    (item,) = back["created"]
    assert (item["id"], item["snoozed_until"], item["read_at"]) == (message_id, None, None)
    assert (item["seen_at"], back["counts"]["unread"]) == ("2026-03-02T09:00:00Z", 1)
    assert back["state"] == away["state"] + 1


def test_a_snoozed_message_that_was_settled_meanwhile_comes_back_as_it_was(
    client: FlaskClient, mark: Mark, loan: Built, set_clock: SetClock
) -> None:
    message_id = tell(loan, settled_at=START)
    mark(message_id, "read")
    mark(message_id, "snooze", until="2026-03-02T10:00:00Z")

    set_clock(START + HOUR)

    assert listed(client, loan, at=START + HOUR) == [message_id]
    assert listed(client, loan, "unread=true", at=START + HOUR) == []


def test_a_snooze_can_be_ended_and_lies_in_neither_list_nor_archive(client: FlaskClient, mark: Mark, loan: Built) -> None:
    message_id = tell(loan)
    mark(message_id, "archive")
    mark(message_id, "snooze", until="2026-03-02T10:00:00Z")
    assert listed(client, loan, "archived=true") == []

    mark(message_id, "unsnooze")

    assert listed(client, loan) == [message_id]
    mark(message_id, "snooze", until="2026-03-02T10:00:00Z")
    assert mark(message_id, "archive")["item"]["snoozed_until"] is None


@pytest.mark.parametrize("until", ["2026-03-02T09:00:00Z", "2026-02-01T00:00:00Z", "2026-06-02T09:00:01Z"])
def test_a_snooze_ends_ahead_and_not_too_far(mark: Mark, loan: Built, until: str) -> None:
    refused = mark(tell(loan), "snooze", until=until)

    assert (refused["code"], refused["errors"][0]["pointer"]) == ("validation-failed", "/until")


def test_a_mark_on_a_message_whose_snooze_is_over_is_made_on_the_one_that_came_back(
    mark: Mark, loan: Built, set_clock: SetClock
) -> None:
    message_id = tell(loan)
    mark(message_id, "read")
    mark(message_id, "snooze", until="2026-03-02T10:00:00Z")
    set_clock(START + HOUR)

    answer = mark(message_id, "archive", at=START + HOUR)

    assert (answer["item"]["read_at"], answer["item"]["snoozed_until"]) == (None, None)


def test_all_means_what_had_come_by_a_state(client: FlaskClient, mark: Mark, loan: Built, set_clock: SetClock) -> None:
    headers = signed_in(loan.borrower_id)
    old, snoozed = tell(loan, "old"), tell(loan, "snoozed")
    state = client.get("/v1/me/inbox/counts", headers=headers).json["state"]
    mark(snoozed, "snooze", until="2026-03-02T09:05:00Z")
    new = tell(loan, "new")
    set_clock(START + timedelta(minutes=5))

    answer = client.post("/v1/me/inbox/mark", json={"all_before": state, "as": "read"}, headers=headers).json

    assert answer["changed"] == [old]
    assert set(listed(client, loan, "unread=true")) == {new, snoozed}
    assert answer["counts"]["unread"] == 2


def test_some_are_marked_together_under_one_state(client: FlaskClient, loan: Built) -> None:
    headers = signed_in(loan.borrower_id)
    told = [tell(loan, str(n)) for n in range(3)]
    nobody = new_id()

    body = {"ids": [*told[:2], told[0], nobody], "as": "archived"}
    answer = client.post("/v1/me/inbox/mark", json=body, headers=headers).json
    again = client.post("/v1/me/inbox/mark", json=body, headers=headers).json

    assert (answer["changed"], answer["missing"], answer["state"]) == (sorted(told[:2]), [nobody], 4)
    assert answer["counts"]["total"] == 1
    assert (again["changed"], again["state"]) == ([], 4)
    updated = client.get("/v1/me/inbox/changes?since=3", headers=headers).json["updated"]
    assert {item["state"] for item in updated} == {4}


@pytest.mark.parametrize(
    "body",
    [
        {"as": "read"},
        {"as": "read", "ids": [], "all_before": 1},
        {"as": "read", "ids": []},
        {"as": "unread", "all_before": 1},
        {"as": "read", "all_before": True},
        {"as": "read", "all_before": "1"},
        {"as": "read", "ids": ["x"]},
    ],
)
def test_a_mark_of_many_says_which_and_as_what(client: FlaskClient, loan: Built, body: dict[str, Any]) -> None:
    answer = client.post("/v1/me/inbox/mark", json=body, headers=signed_in(loan.borrower_id))

    assert answer.status_code == 422


def test_another_borrowers_messages_are_missing(client: FlaskClient, loan: Built) -> None:
    theirs = tell(build_loan(now=START, due=DUE))

    body = {"ids": [theirs], "as": "read"}
    answer = client.post("/v1/me/inbox/mark", json=body, headers=signed_in(loan.borrower_id)).json

    assert (answer["changed"], answer["missing"]) == ([], [theirs])


def _wait_beside(message_id: str, loan: Built) -> None:
    with unit_of_work() as work:
        row = work.session.get(MessageRow, message_id)
        assert row is not None
        contact_id = row.contact_id
    tell(loan, "push", channel="push", state="queued", contact_id=contact_id)


def _case_version(loan: Built) -> int:
    with reading() as session:
        version = session.scalar(select(AgendaRow.case_version).where(AgendaRow.borrower_id == loan.borrower_id))
        assert version is not None
        return version


@pytest.mark.parametrize("how", ["seen", "read", "actions/pay", "all"])
def test_what_waits_beside_a_message_is_looked_at_again_once_it_is_seen(
    client: FlaskClient, mark: Mark, loan: Built, how: str
) -> None:
    message_id = tell(loan)
    _wait_beside(message_id, loan)
    before = _case_version(loan)

    for _ in range(2):
        if how == "all":
            body = {"all_before": 1, "as": "seen"}
            client.post("/v1/me/inbox/mark", json=body, headers=signed_in(loan.borrower_id))
        else:
            mark(message_id, how)

    assert _case_version(loan) == before + 1


@pytest.mark.parametrize("how", ["archive", "snooze"])
def test_putting_a_message_away_wakes_nothing(mark: Mark, loan: Built, how: str) -> None:
    message_id = tell(loan)
    _wait_beside(message_id, loan)
    before = _case_version(loan)

    mark(message_id, how, **({"until": "2026-03-03T09:00:00Z"} if how == "snooze" else {}))

    assert _case_version(loan) == before


def test_an_action_is_recorded_once_and_reads_the_message(mark: Mark, loan: Built, set_clock: SetClock) -> None:
    message_id = tell(loan)

    item = mark(message_id, "actions/pay")["item"]

    assert (item["clicked_at"], item["read_at"]) == ("2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z")
    assert item["actions"][0] == {"key": "pay", "label": "Pay", "deep_link": f"duecourse://loans/{loan.loan_id}/pay"}


@pytest.mark.parametrize("key", ["get_help", "nonsense"])
def test_an_action_that_is_not_offered_is_not_found(mark: Mark, loan: Built, key: str) -> None:
    assert mark(tell(loan), f"actions/{key}")["code"] == "not-found"


def test_what_is_settled_asks_for_nothing_more(client: FlaskClient, loan: Built) -> None:
    tell(loan, template="overdue_help", settled_at=START)

    page = client.get("/v1/me/inbox", headers=signed_in(loan.borrower_id)).json

    (item,) = page["items"]
    assert item["settled"]
    assert [action["key"] for action in item["actions"]] == ["see_plan", "reply"]
    assert page["counts"]["action_required"] == 0


def test_every_template_of_the_inbox_has_a_category_and_every_action_its_words() -> None:
    in_app = {template for template, channel in template_infos() if channel == "in_app"}

    by_prefix = in_app - CATEGORY_OF_TEMPLATE.keys()
    assert not [template for template in by_prefix if not template.startswith(tuple(CATEGORY_OF_PREFIX))]
    assert {category_of(template, "servicing") for template in by_prefix} <= set(CATEGORIES) - {"other"}
    assert set(CATEGORY_OF_TEMPLATE.values()) <= set(CATEGORIES)
    for category in CATEGORIES:
        assert actions_of(category, is_settled=False)
    for locale in ("en", "zh-CN"):
        assert all(action_words(action, locale) for action in ACTIONS)
