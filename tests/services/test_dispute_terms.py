"""Terms of disputes and of requests for help are data, and the data holds together with the law packs."""

import pytest

from app.domain.contact_requests import CHANNELS, PLACES
from app.domain.disputes import GROUNDS, KINDS
from app.services import dispute_terms
from app.services.law_packs import DEFAULT, get_rule, jurisdictions, vocabulary


@pytest.mark.parametrize(
    ("pack", "kind", "days", "rule"),
    [
        ("CN", "objection", 20, "CN-CRED-OBJECTION"),
        ("CN", "dispute", 20, None),
        ("US", "objection", 30, "US-FCRA-INVESTIGATE"),
        ("US", "dispute", 30, None),
        ("UK", "complaint", 56, None),
        ("EU", "complaint", 20, None),
        ("IN", "complaint", 30, None),
        (DEFAULT, "objection", 20, None),
    ],
)
def test_a_case_is_answered_by_the_day_its_law_pack_says(pack: str, kind: str, days: int, rule: str | None) -> None:
    term = dispute_terms.answer_term(pack, kind)

    assert (term.days, term.rule) == (days, rule)


def test_every_pack_has_a_term_for_every_kind_with_its_source() -> None:
    for pack in jurisdictions():
        for kind in KINDS:
            term = dispute_terms.answer_term(pack, kind)
            assert term.days > 1, "the day before it is due is watched"
            assert term.source
            assert term.evidence or term.source.startswith("house rule")
        assert dispute_terms.review_term(pack).days > 1
    for pack in (*dispute_terms._disputes()["answers"], *dispute_terms._disputes()["routes"]):
        assert pack in jurisdictions()


def test_the_words_are_those_of_the_law_packs() -> None:
    words = vocabulary()
    read = words.read_facts
    for ground in GROUNDS.values():
        for word in filter(None, (ground.law, ground.law_of_part)):
            read({"disputes": [{"ground": word, "received_at": "2026-03-02T09:00:00Z", "written": True}]})
    for pack in jurisdictions():
        for kind in KINDS:
            word = dispute_terms.request_word(pack, kind)
            if word:
                read({"requests": [{"kind": word, "received_at": "2026-03-02T09:00:00Z"}]})
    for place in PLACES:
        read({"contact_preferences": [{"kind": "avoid_place", "place": place, "recorded_at": "2026-03-02T09:00:00Z"}]})
    for channel in CHANNELS:
        read({"contact_preferences": [{"kind": "only_channel", "channel": channel, "recorded_at": "2026-03-02T09:00:00Z"}]})


def test_the_ways_out_are_told_in_every_language_with_their_source() -> None:
    for pack in ("CN", "US", "UK", "EU", "IN"):
        english, chinese = dispute_terms.routes(pack, "en"), dispute_terms.routes(pack, "zh-CN")
        assert english, pack
        for one, other in zip(english, chinese, strict=True):
            assert one.about != other.about
            assert one.phone or one.url
            assert one.source
            assert one.evidence in ("primary", "partly", "rendering", "recalled")
    assert dispute_terms.routes(DEFAULT, "en") == ()


def test_free_advice_is_named_where_a_law_asks_and_nobody_is_made_up() -> None:
    british = dispute_terms.debt_advice("UK", "en", None)

    assert get_rule(british.rule or "").jurisdiction == "UK"
    assert [service.url for service in british.services] == ["https://www.stepchange.org"]
    assert dispute_terms.debt_advice("EU", "en", None).services == ()
    assert dispute_terms.debt_advice("CN", "zh-CN", "nobody") == dispute_terms.DebtAdvice(None, (), ())
