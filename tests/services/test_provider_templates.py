"""Wordings that a provider wants registered: what is not approved in today's words is not used, and approval is a state."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.domain.errors import ConflictError, NotFoundError, ValidationError
from app.persistence.models.audit import AuditRow
from app.persistence.models.deliveries import ProviderTemplateRow
from app.persistence.models.reminders import DecisionRow, RulesStateRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.policies import activate_document
from app.services.provider_templates import Key, mark, register, usable_templates
from app.services.reminders import sweep
from app.services.rule_parts import content_version, use_channels
from app.wording.catalogue import shipped, template_infos
from app.wording.provider_wordings import NotExportableError, field_faults, submission_of
from app.wording.template_texts import TemplateText
from tests.builders.book import build_lender, build_loan
from tests.builders.cases import default_document
from tests.conftest import make_settings

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
KEY: Key = ("sms", "aliyun", "due_soon", "en")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    use_channels(())


def registered(key: Key = KEY, **changes: Any) -> None:
    given: dict[str, Any] = {"code": "SMS_1", "fields": {}, "by": "operator:Eve", "now": START}
    with unit_of_work() as work:
        register(work, key, **{**given, **changes})


def marked(state: str, key: Key = KEY, **changes: Any) -> bool:
    with unit_of_work() as work:
        return mark(work, key, state, by="operator:Eve", now=START, **changes)


def usable(providers: dict[str, list[str]], key: Key = KEY) -> bool:
    with reading() as session:
        return usable_templates(session, providers)[key[2], key[0]][key[3]].is_approved


def epoch() -> int:
    with reading() as session:
        return session.scalar(select(RulesStateRow.rules_epoch)) or 0


def test_a_text_is_used_from_its_approval_until_it_is_paused(app: Flask) -> None:
    seen = [usable({"sms": ["aliyun"]})]
    registered()
    seen.append(usable({"sms": ["aliyun"]}))
    for state in ("approved", "paused", "approved", "rejected"):
        assert marked(state, reason="said so")
        seen.append(usable({"sms": ["aliyun"]}))

    assert seen == [False, False, True, False, True, False]
    with reading() as session:
        actions = list(session.scalars(select(AuditRow.action).order_by(AuditRow.id)))
    assert actions == [f"provider_template.{state}" for state in ("submitted", "approved", "paused", "approved", "rejected")]


def test_each_change_has_everyone_looked_at_anew_and_one_that_is_none_does_not(app: Flask) -> None:
    before = epoch()
    registered()
    assert marked("approved") is True
    assert marked("approved") is False

    assert epoch() == before + 2


def test_a_channel_with_a_provider_that_takes_any_text_needs_no_approval(sqlite_book: Flask) -> None:
    assert usable({"sms": ["aliyun", "twilio"]})
    assert usable({"sms": ["gateway"]})
    assert usable({"wechat": ["wechat"]}), "of another channel"
    assert not usable({"sms": ["aliyun", "tencent"]})
    with reading() as session:
        assert usable_templates(session, {}) is template_infos()


def test_an_approval_is_for_the_words_as_they_were(sqlite_book: Flask) -> None:
    registered()
    marked("approved")
    with unit_of_work() as work:
        work.session.execute(update(ProviderTemplateRow).values(template_version=99))

    assert not usable({"sms": ["aliyun"]})
    marked("paused")
    with pytest.raises(ConflictError, match="submit it anew"):
        marked("approved")
    registered()
    assert marked("approved")
    assert usable({"sms": ["aliyun"]})


def test_an_approval_in_one_language_says_nothing_of_another(sqlite_book: Flask) -> None:
    registered()
    marked("approved")

    assert usable({"sms": ["aliyun"]})
    assert not usable({"sms": ["aliyun"]}, ("sms", "aliyun", "due_soon", "zh-CN"))


@pytest.mark.parametrize(
    ("key", "changes", "error"),
    [
        (("sms", "twilio", "due_soon", "en"), {}, ValidationError),
        (("sms", "aliyun", "no_such", "en"), {}, NotFoundError),
        (("sms", "aliyun", "due_soon", "fr"), {}, NotFoundError),
        (KEY, {"fields": {"amount": "amount"}}, ValidationError),
        (KEY, {"code": "x" * 121}, ValidationError),
    ],
)
def test_what_cannot_be_registered_is_refused(
    sqlite_book: Flask, key: Key, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        registered(key, **changes)


@pytest.mark.parametrize(
    ("locale", "fields", "refused"),
    [
        ("zh-CN", {"date1": "due_on", "amount2": "amount", "character_string3": "loan", "thing4": "body"}, []),
        ("en", {"thing1": "due_on", "amount2": "amount"}, []),
        ("en", {"date1": "due_on", "amount2": "amount"}, ["/fields/date1"]),
        ("zh-CN", {"number1": "loan", "phrase2": "lender", "first": "lender"}, ["/fields/number1", "/fields/phrase2"]),
    ],
)
def test_a_field_of_wechat_that_cannot_hold_our_values_is_a_fault(
    locale: str, fields: dict[str, str], refused: list[str]
) -> None:
    body = "{{ lender }} {{ loan }} {{ due_on }} {{ amount }}"
    text = TemplateText("x", "wechat", locale, "t", body, True, frozenset())

    assert [each.pointer for each in field_faults(text, "wechat", fields)] == refused
    assert field_faults(text, "aliyun", fields) == []


def test_the_refusal_of_a_field_says_what_it_takes_and_what_our_value_is(sqlite_book: Flask) -> None:
    named = ["due_soon", "--channel", "wechat", "--provider", "wechat", "--locale", "en", "--code", "T9", "--by", "Eve"]

    refused = sqlite_book.test_cli_runner().invoke(
        args=["template", "provider", "register", *named, "--field", "date2=body"]
    )

    assert refused.exit_code == 1
    assert "date2 takes a day as 2026年11月3日" in refused.output
    assert "our body is 'Help, advice: in app'" in refused.output


def test_states_follow_each_other(sqlite_book: Flask) -> None:
    with pytest.raises(NotFoundError):
        marked("approved")
    registered()
    with pytest.raises(ConflictError, match="cannot be paused"):
        marked("paused")
    with pytest.raises(ValidationError):
        marked("submitted")


def test_a_reminder_is_not_sent_in_words_that_its_only_provider_would_refuse(sqlite_book: Flask) -> None:
    use_channels(["sms"], {"sms": ["aliyun"]})
    document: dict[str, Any] = default_document() | {"version": 2}
    document["defaults"] = {**document["defaults"], "ladder": [{"channel": "sms"}]}
    document["steps"] = [{"key": "d-7", "offset_days": -7, "template": "due_soon"}]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)
    lender = build_lender(now=START, jurisdiction="GB", zone="Europe/London", role="first_party", role_reason="test")
    given: dict[str, Any] = {"due": [date(2026, 3, 10)], "lender_id": lender, "country": "GB", "zone": "Europe/London"}
    build_loan(now=START, phone="+447400123456", **given)

    sweep(now=STEP)
    with reading() as session:
        before = session.execute(select(DecisionRow.outcome, DecisionRow.reason)).all()
    registered()
    marked("approved")
    build_loan(now=START, phone="+447400123457", **given)
    sweep(now=STEP)

    with reading() as session:
        after = session.execute(select(DecisionRow.outcome, DecisionRow.reason)).all()
    assert [tuple(row) for row in before] == [("UNREACHABLE", "TEMPLATE_NOT_APPROVED")]
    assert ("SENT", "ON_SCHEDULE") in [tuple(row) for row in after]


def test_settings_say_who_sends_and_another_provider_is_other_rules(tmp_path: Path) -> None:
    entries = {"sms": ({"provider": "aliyun"},), "wechat": ({"provider": "wechat"},)}
    settings = make_settings("sqlite://", tmp_path, providers=entries)
    with_gateway = make_settings("sqlite://", tmp_path, providers=entries, sms_url="https://sms.example", sms_key="k" * 32)

    assert settings.provider_names == {"sms": ["aliyun"], "wechat": ["wechat"]}
    assert with_gateway.provider_names["sms"] == ["aliyun", "gateway"]
    use_channels(["sms"], {"sms": ["aliyun"]})
    before = content_version()
    use_channels(["sms"], {"sms": ["twilio"]})
    assert content_version() != before


@pytest.mark.parametrize(
    ("provider", "says"),
    [("aliyun", "您好，这里是${lender}的自动语音电话"), ("tencent", "您好，这里是{1}的自动语音电话")],
)
def test_what_is_submitted_has_the_providers_own_variables(provider: str, says: str) -> None:
    assert says in submission_of(shipped().text("overdue_help", "voice", "zh-CN"), provider)


def test_what_no_provider_can_say_is_refused_before_it_is_submitted() -> None:
    text = TemplateText("x", "sms", "en", "", "{% if count == 1 %}one{% endif %}", True, frozenset())
    long = TemplateText("x", "wechat", "en", "x" * 21, "y", True, frozenset())

    for each, provider in ((text, "aliyun"), (long, "wechat")):
        with pytest.raises(NotExportableError):
            submission_of(each, provider)


def test_the_commands_export_register_approve_and_list(sqlite_book: Flask) -> None:
    run = sqlite_book.test_cli_runner().invoke
    named = ["due_soon", "--channel", "wechat", "--provider", "wechat", "--locale", "zh-CN"]

    exported = run(args=["template", "provider", "export", *named])
    fields = ["--field", "thing1=title", "--field", "thing2=body"]
    made = run(args=["template", "provider", "register", *named, "--code", "T9", *fields, "--one-time", "--by", "Eve"])
    approved = run(args=["template", "provider", "approve", *named, "--by", "Eve"])
    again = run(args=["template", "provider", "approve", *named, "--by", "Eve"])
    listed = run(args=["template", "provider", "list"])
    as_json = run(args=["template", "provider", "list", "--json"])
    refused = run(args=["template", "provider", "pause", *named[:-1], "en", "--by", "Eve"])

    assert "{{thing1.DATA}}" in exported.output
    assert made.output == "due_soon v1 in zh-CN is submitted to wechat as T9.\n"
    assert approved.output == "due_soon in zh-CN at wechat is approved.\n"
    assert again.output == "due_soon in zh-CN at wechat was approved before.\n"
    assert listed.output == "wechat\twechat\tdue_soon\tzh-CN\tv1\tapproved\tT9\n"
    assert '"our_version":1' in as_json.output
    assert (refused.exit_code, "never registered" in refused.output) == (1, True)


def test_the_command_shows_a_text_as_it_arrives(sqlite_book: Flask) -> None:
    build_lender(now=START, code="harbour", name="Harbour Bank")
    run = sqlite_book.test_cli_runner().invoke

    email = run(args=["template", "preview", "due_soon", "--channel", "email", "--lender", "harbour"])
    every = run(args=["template", "preview", "otp", "--locale", "zh-CN", "--json"])
    nothing = run(args=["template", "preview", "otp", "--channel", "letter"])

    assert "your account with Harbour Bank" in email.output
    assert '"channel":"sms"' in every.output
    assert nothing.exit_code == 1
