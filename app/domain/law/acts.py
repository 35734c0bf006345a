"""Which rules speak on an act that is about to happen, other than a contact."""

from collections.abc import Collection
from functools import lru_cache

from app.domain.law.grounds import facts_read
from app.domain.law.packs import LawPack
from app.domain.law.questions import Facts
from app.domain.law.rules import Rule
from app.domain.law.vocabulary import Vocabulary

_OF_SERVICES = frozenset({"duty", "compute", "person"})


def rules_on(
    pack: LawPack, act: str, facts: Facts, stated: Collection[str] | None, vocabulary: Vocabulary
) -> tuple[Rule, ...]:
    """Return the rules of a pack that speak on an act: those that name it, and of the rules that name no act those of
    services that look at a fact which whoever acts has `stated` (a settlement, a charge); None: all of them."""
    asked = pack.rules_for(
        act=act,
        channel=facts.get("channel"),
        message_class=facts.get("message_class"),
        stage=facts.get("stage"),
        lender_role=facts.get("lender_role"),
        licence_kind=facts.get("licence_kind"),
        product_kind=facts.get("product_kind"),
    )
    about = None if stated is None else frozenset(stated)
    return tuple(rule for rule in asked if _speaks(rule, act, about, vocabulary))


def speaks_on(pack: LawPack, act: str, stated: Collection[str], vocabulary: Vocabulary) -> bool:
    """Whether a pack may have anything to say on an act, whoever asks: what is to be known before facts are gathered."""
    return any(_speaks(rule, act, frozenset(stated), vocabulary) for rule in pack.rules)


@lru_cache(maxsize=4096)
def _speaks(rule: Rule, act: str, stated: frozenset[str] | None, vocabulary: Vocabulary) -> bool:
    if rule.applies_when.acts:
        return act in rule.applies_when.acts
    if rule.decided_by not in _OF_SERVICES:
        return False
    return stated is None or not stated.isdisjoint(facts_read(rule, vocabulary))
