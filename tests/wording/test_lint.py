"""What messages may say: the shipped texts are clean under every law pack, and what shames or threatens is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.law.packs import LawPack
from app.services.law_packs import get_pack, jurisdictions, vocabulary
from app.wording.catalogue import locales, render, template_infos
from app.wording.law_lint import content_rules
from app.wording.lint import lint_message, lint_template
from app.wording.lint_findings import Problem
from app.wording.template_texts import Purpose, TemplateText, load_texts, purpose_of

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
TEXTS = load_texts()
HELPED = frozenset({"contact_route", "debt_advice_signpost", "opt_out_method"})
NEUTRAL = "Reach us in the app: write to us here. Free independent advice too. Reply STOP to end. "


def packs() -> list[LawPack]:
    return [get_pack(name) for name in jurisdictions()]


def checked(
    body: str, channel: str = "sms", locale: str = "en", jurisdiction: str | None = None, **changes: Any
) -> list[Problem]:
    given: dict[str, Any] = {
        "channel": channel,
        "locale": locale,
        "title": "",
        "body": body,
        "markers": frozenset(),
        "purpose": Purpose(("overdue",), ("collection",)),
        "packs": [get_pack(jurisdiction)] if jurisdiction else [],
        "now": NOW,
    }
    return lint_message(**{**given, **changes})


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{text.template}-{text.channel}-{text.locale}")
def test_what_ships_is_clean_under_every_pack(text: TemplateText) -> None:
    assert lint_template(text, packs=packs(), role="first_party", now=NOW) == []


def test_there_are_five_packs_and_the_careful_one() -> None:
    assert set(jurisdictions()) == {"CN", "US", "UK", "IN", "EU", "DEFAULT"}
    assert all(content_rules(pack) for pack in packs() if pack.jurisdiction != "DEFAULT")


def test_every_text_is_there_in_every_language_and_states_known_markers() -> None:
    infos = template_infos()

    assert {text.locale for text in TEXTS} == set(locales()) == {"en", "zh-CN"}
    assert [key for key, by_locale in infos.items() if set(by_locale) != set(locales())] == []
    known = vocabulary().enums["content_marker"]
    for by_locale in infos.values():
        for info in by_locale.values():
            assert info.is_approved
            assert info.markers is not None
            assert info.markers <= known
        assert len({info.markers for info in by_locale.values()}) == 1


def test_every_template_has_a_purpose() -> None:
    assert [text.template for text in TEXTS if purpose_of(text.template) is None] == []


@pytest.mark.parametrize("channel", ["push", "sms", "wechat"])
@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_a_lock_screen_shows_nothing_of_it(channel: str, locale: str) -> None:
    said = render(
        "overdue_help", channel, locale, {"count": 2, "amount": "¥1,234.50", "due_on": "d", "loan": "L9", "lender": "x"}
    )

    assert "1,234" not in said.title + said.body
    assert "L9" not in said.title + said.body


ATTACKS = [
    ("Your loan of $500.00 is overdue!", "en", "push", "lock_screen"),
    ("Hello. 500.00 USD is open on your account.", "en", "voice", "overheard"),
    ("Hello, this is about your loan.", "en", "voice", "overheard"),
    ("您好，您的贷款已到期，请打开应用。", "zh-CN", "voice", "overheard"),
    ("Deadbeat. Everyone who sees this phone should know what you owe.", "en", "push", "forbidden"),
    ("Pay today or we will have you arrested.", "en", "sms", "forbidden"),
    ("The police will come and you go to jail.", "en", "letter", "forbidden"),
    ("Pay or else. We know where you live.", "en", "sms", "forbidden"),
    ("We send men who will hurt you.", "en", "voice", "forbidden"),
    ("FINAL NOTICE before we act.", "en", "email", "forbidden"),
    ("Call 0906 123 4567 to speak to us.", "en", "sms", "forbidden"),
    ("Call 1-900-555-0199 now.", "en", "sms", "forbidden"),
    ("We will tell your family and friends about this.", "en", "in_app", "forbidden"),
    ("We will call all contacts in your phone book.", "en", "sms", "forbidden"),
    ("We will call your boss.", "en", "sms", "forbidden"),
    ("Our bailiffs hold a court order.", "en", "letter", "forbidden"),
    ("We write on behalf of the court.", "en", "letter", "forbidden"),
    ("Your parcel is waiting, open the app.", "en", "push", "forbidden"),
    ("We will sue you.", "en", "letter", "forbidden_at_stage"),
    ("You must pay immediately.", "en", "in_app", "pressure"),
    ("您的贷款已逾期，欠款500元", "zh-CN", "push", "lock_screen"),
    ("老赖，快还钱", "zh-CN", "sms", "forbidden"),
    ("再不还款就让你坐牢", "zh-CN", "sms", "forbidden"),
    ("公安机关将对您立案", "zh-CN", "letter", "forbidden"),
    ("我们会派人上门，小心你的家人", "zh-CN", "sms", "forbidden"),
    ("最后通知，逾期不候", "zh-CN", "in_app", "forbidden"),
    ("我们将通知您的亲友和同事", "zh-CN", "in_app", "forbidden"),
    ("爆通讯录", "zh-CN", "sms", "forbidden"),
    ("将通报您的单位", "zh-CN", "email", "forbidden"),
    ("法院传票已发出，请配合司法机关", "zh-CN", "sms", "forbidden"),
    ("您有快递待取", "zh-CN", "push", "forbidden"),
    ("请拨打声讯台 16812345", "zh-CN", "sms", "forbidden"),
    ("我们将起诉您", "zh-CN", "letter", "forbidden_at_stage"),
    ("请立即还清，否则加入黑名单", "zh-CN", "in_app", "pressure"),
]


@pytest.mark.parametrize(("body", "locale", "channel", "code"), ATTACKS)
def test_what_shames_or_threatens_is_refused(body: str, locale: str, channel: str, code: str) -> None:
    assert code in {problem.code for problem in checked(body, channel, locale)}


@pytest.mark.parametrize(
    ("body", "channel", "locale", "jurisdiction", "says"),
    [
        ("再不还款就让你坐牢", "sms", "zh-CN", "CN", "Consumer Finance Company Measures"),
        ("我们会通知您的亲友", "in_app", "zh-CN", "CN", "Consumer Finance Company Measures"),
        ("You owe $500.00", "push", "en", "UK", "CONC 7"),
        ("Call 0871 234 5678", "letter", "en", "UK", "CONC 7.9.5R"),
        ("Our bailiffs come.", "letter", "en", "UK", "CONC"),
    ],
)
def test_the_paragraph_that_forbids_it_is_named(body: str, channel: str, locale: str, jurisdiction: str, says: str) -> None:
    found = [problem for problem in checked(body, channel, locale, jurisdiction) if problem.rule is not None]

    assert any(says in (problem.paragraph or "") and problem.evidence for problem in found)


@pytest.mark.parametrize(
    ("jurisdiction", "lacking"), [("UK", "debt_advice_signpost, contact_route"), ("EU", "debt_advice_signpost")]
)
def test_what_law_wants_said_is_missed(jurisdiction: str, lacking: str) -> None:
    found = checked("There is a message.", "in_app", "en", jurisdiction)

    assert [problem.detail.partition(": ")[2] for problem in found if problem.rule] == [f"lacks {lacking}"]


def test_what_a_third_party_must_say_is_not_asked_of_a_creditor() -> None:
    text = next(text for text in TEXTS if (text.template, text.channel, text.locale) == ("overdue_help", "in_app", "en"))
    us = [get_pack("US")]

    assert lint_template(text, packs=us, role="first_party", now=NOW) == []
    assert {p.code for p in lint_template(text, packs=us, role="third_party_collector", now=NOW)} == {"law"}


def test_an_author_cannot_claim_what_the_text_does_not_hold() -> None:
    found = checked("There is a message.", "in_app", "en", "UK", markers=HELPED)

    assert {problem.code for problem in found} == {"marker_untrue"}


def test_an_author_who_is_honest_about_a_threat_is_refused_too() -> None:
    found = checked(NEUTRAL, markers=HELPED | {"insult"})

    assert "forbidden" in {problem.code for problem in found}


@pytest.mark.parametrize(
    ("channel", "body", "fits"),
    [
        ("sms", "a" * 160, True), ("sms", "a" * 161, False), ("sms", "信" * 56, True), ("sms", "信" * 57, False),
        ("wechat", "信" * 20, True), ("wechat", "信" * 21, False), ("push", "a" * 151, False),
    ],
)  # fmt: skip
def test_a_text_fits_its_channel(channel: str, body: str, fits: bool) -> None:
    assert ("too_long" in {problem.code for problem in checked(body, channel)}) is not fits


def _template(body: str, template: str = "due_soon", channel: str = "in_app", **changes: Any) -> TemplateText:
    given: dict[str, Any] = {"title": "", "is_approved": True, "markers": frozenset()}
    return TemplateText(template, channel, "en", body=body, **{**given, **changes})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (_template("{{ amont }} falls soon"), "variable_unknown"),
        (_template("{% if %}"), "unreadable"),
        (_template("{{ loan }}", channel="push"), "lock_screen"),
        (_template("{{ loan }}", channel="voice"), "overheard"),
        (_template("It is overdue."), "forbidden_at_stage"),
        (_template("x", markers=None), "markers_missing"),
        (_template(""), "empty"),
    ],
)
def test_a_template_is_read_before_it_is_rendered(text: TemplateText, code: str) -> None:
    assert code in {problem.code for problem in lint_template(text)}


def test_a_call_may_say_who_calls_whatever_the_lender_is_called() -> None:
    text = _template("Hello. This is {{ lender }}; please open the app.", channel="voice")

    assert [problem.code for problem in lint_template(text)] == []


def test_paragraphs_of_a_letter_stay() -> None:
    values: dict[str, str | int] = {"count": 1, "amount": "$1.00", "due_on": "d", "loan": "L9", "lender": "Acme"}

    assert len(render("letter_arrears", "letter", "en", values).body.split("\n")) == 6
