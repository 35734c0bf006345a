"""Lines whose money the core told of before: they are matched to its payments, and nothing is booked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.domain.desk_payments import ORIGIN as OF_DESK
from app.domain.errors import ConflictError
from app.domain.statement_matching import Evidence, How, Match, Part, State, StatementLine
from app.persistence.queries.statement_lines import CorePayment, find_payments_named, find_payments_of_core
from app.services.told_by_lines import may_be_a_line


@dataclass
class Tellings:
    """Payments of the core that no line is known to be: by bank reference, and those of the loans and days of a batch."""

    named: Mapping[str, Sequence[CorePayment]]
    unnamed: list[CorePayment]

    @classmethod
    def of(cls, session: Session, lender_id: str, lines: Sequence[StatementLine], loans: Collection[str]) -> "Tellings":
        """Return what the core told of these lines and loans."""
        named = find_payments_named(session, lender_id, {line.reference for line in lines})
        days = {line.booked_on for line in lines}
        found = find_payments_of_core(session, lender_id, loans, days) if loans else []
        unnamed = [
            each
            for each in found
            if (each.bank_reference is None or each.origin.startswith(OF_DESK)) and may_be_a_line(each.channel, each.origin)
        ]
        return cls(named, unnamed)

    def match(self, line: StatementLine, evidence: Evidence) -> Match | None:
        """Return the match of a line that the core told of, or None. A payment is one line's only.

        Under the line's own reference the core's word stands, whatever the line says. Without it the same loan, value date
        and amount are asked for; or all that came for the payer that day, where it adds up to the line.
        """
        named = self.named.get(line.reference)
        if named:
            if {each.currency for each in named} == {line.currency} and _sum(named) == line.amount_minor:
                return _told(named, "bank_reference")
            candidates = tuple(dict.fromkeys(each.loan_id for each in named))
            return Match(State.UNMATCHED, candidates=candidates, why=("bank_reference", "core_told_other_amount"))
        asked = evidence.referenced or evidence.all
        of_day = self._of_day(line)
        equal = [each for each in of_day if each.loan_id in asked and each.amount_minor == line.amount_minor]
        if len({each.loan_id for each in equal}) == 1:
            return self._take(equal[:1])
        payers = {each.borrower_id for each in of_day if each.loan_id in asked}
        family = [each for each in of_day if each.borrower_id in payers]
        if len(payers) == 1 and len(family) > 1 and _sum(family) == line.amount_minor:
            return self._take(family)
        return None

    def by_hand(self, line: StatementLine, parts: Sequence[Part]) -> tuple[Part, ...]:
        """Return what a person says a line pays, with what of it the core told of since. Raises ConflictError where the core
        says otherwise under the line's own reference."""
        named = list(self.named.get(line.reference, ()))
        if named and sorted((each.loan_id, each.amount_minor) for each in named) != sorted(
            (part.loan_id, part.amount_minor) for part in parts
        ):
            told = ", ".join(each.reference for each in named)
            raise ConflictError(
                f"The core told of this line's money otherwise ({told}); match it so, or have that reversed."
            )
        of_day, found = self._of_day(line), []
        for part in parts:
            wanted = part.loan_id, part.amount_minor
            payment = next((each for each in named or of_day if (each.loan_id, each.amount_minor) == wanted), None)
            found.append(part if payment is None else Part(part.loan_id, part.amount_minor, payment.reference))
        return tuple(found)

    def _of_day(self, line: StatementLine) -> list[CorePayment]:
        return [each for each in self.unnamed if each.effective_on == line.booked_on and each.currency == line.currency]

    def _take(self, payments: Sequence[CorePayment]) -> Match:
        for each in payments:
            self.unnamed.remove(each)
        return _told(payments, "same_loan_day_amount")


def _told(payments: Sequence[CorePayment], why: str) -> Match:
    parts = tuple(Part(each.loan_id, each.amount_minor, each.reference) for each in payments)
    return Match(State.MATCHED, How.TOLD, parts, why=(why,))


def _sum(payments: Sequence[CorePayment]) -> int:
    return sum(each.amount_minor for each in payments)
