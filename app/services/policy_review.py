"""A policy document held against everything that can be known before it decides: its form, its meaning, the law.

For which law: that of its lender, and of every jurisdiction it names; where it names neither, that of every lender who has
no policy of its own, since they are whom it will serve.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.domain.errors import FieldError
from app.domain.experiments import clashes, trials_of
from app.domain.policies import Policy
from app.domain.policy_law import Lending, Unlawful, find_unlawful
from app.domain.policy_problems import Known
from app.persistence.models.lenders import LenderRow
from app.persistence.queries.lenders import find_lender
from app.persistence.queries.policies import find_lenders_without_policy, find_policies_in_force
from app.services.law_packs import jurisdictions, pack_for, vocabulary
from app.services.policy_documents import find_problems, parse_policy
from app.services.policy_files import refusal_of

Governed = tuple[str, Lending]
"""A jurisdiction (ISO 3166 country, EU, or the name of a pack), and who lends there."""


@dataclass(frozen=True, slots=True)
class Review:
    """What was found. `packs`: jurisdictions of the law packs it was held against, none when its form is wrong."""

    problems: Sequence[FieldError]
    unlawful: Sequence[Unlawful]
    packs: Sequence[str]
    policy: Policy | None
    """The document as values; None when it cannot be one."""

    def refuse(self) -> None:
        """Raise ValidationError with everything found, or return when there is nothing."""
        if self.problems:
            raise refusal_of(list(self.problems))


def review_document(session: Session | None, document: Any, *, on: date, asked: Iterable[str] = ()) -> Review:
    """Look at a document as of a day. `asked`: further jurisdictions; without a session no lender is looked up."""
    problems = find_problems(document, known_names())
    if problems:
        return Review(problems, (), (), None)
    policy = parse_policy(document, "")
    governed = _governed(session, document, tuple(asked), problems)
    unlawful: dict[Unlawful, None] = {}
    packs: dict[str, None] = {}
    for jurisdiction, lending in governed:
        pack = pack_for(jurisdiction).pack
        packs[pack.jurisdiction] = None
        unlawful |= dict.fromkeys(find_unlawful(policy, pack, lending, on=on))
    problems += [FieldError(each.pointer(document), "law", each.told) for each in unlawful]
    if session is not None and trials_of(policy):
        problems += clashes(policy, document, _others_in_force(session, document))
    return Review(problems, tuple(unlawful), tuple(packs), policy)


def known_names() -> Known:
    """Return the names that the law's vocabulary and its packs give a policy."""
    return Known(notices=vocabulary().enums["notice_kind"], jurisdictions=frozenset(jurisdictions()))


def _others_in_force(session: Session, document: dict[str, Any]) -> Iterator[tuple[str, Policy]]:
    """Yield every other version that is or was in force: people have arms by it."""
    for row in find_policies_in_force(session):
        if (row.key, row.version_no) != (document["policy"], document["version"]):
            yield f"{row.key} v{row.version_no}", parse_policy(row.document, row.id)


def _governed(
    session: Session | None, document: dict[str, Any], asked: tuple[str, ...], problems: list[FieldError]
) -> list[Governed]:
    named = [(name, Lending()) for name in dict.fromkeys((*document.get("jurisdictions", ()), *asked))]
    if session is None:
        return named
    if "lender" in document:
        lender = find_lender(session, document["lender"])
        if lender is None:
            problems.append(FieldError("/lender", "unknown", f"There is no lender {document['lender']!r} here."))
            return named
        return [_lending(lender), *named]
    return named or list(dict.fromkeys(_lending(lender) for lender in find_lenders_without_policy(session)))


def _lending(lender: LenderRow) -> Governed:
    licence = lender.licence_kind if lender.licence_kind in vocabulary().enums["licence_kind"] else None
    return lender.jurisdiction, Lending(lender.role, licence)
