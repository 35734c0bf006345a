"""Another release may bring other law or other texts: everyone is looked at again, once."""

import pytest
from flask import Flask

from app.persistence.db import db
from app.persistence.queries.policies import find_active_rules
from app.services import policies
from app.services.policies import adopt_content, ensure_default_policy
from tests.conftest import START


def _epoch() -> int:
    active = find_active_rules(db.session())
    assert active is not None
    db.session.rollback()
    return active.rules_epoch


def test_the_same_release_again_changes_nothing(app: Flask) -> None:
    ensure_default_policy(now=START)
    before = _epoch()

    assert [adopt_content(now=START), adopt_content(now=START), _epoch()] == [False, False, before]


def test_other_law_or_texts_raise_the_epoch_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_default_policy(now=START)
    adopt_content(now=START)
    before = _epoch()
    monkeypatch.setattr(policies, "content_version", lambda: "other")

    assert [adopt_content(now=START), adopt_content(now=START), _epoch()] == [True, False, before + 1]
