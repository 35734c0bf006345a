"""What is wrong with a law document or with facts: every fault found, each with its place."""

from collections.abc import Sequence

from app.domain.errors import FieldError, ValidationError

_SHOWN = 5


class LawDocumentError(ValidationError):
    """A pack, a vocabulary, facts or an expectation that the vocabulary does not allow; `errors` lists every fault."""

    code = "validation-failed"


class Faults:
    """Collects faults by RFC 6901 pointer, so that a document is refused once for all that is wrong with it."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def add(self, pointer: str, detail: str, code: str = "invalid") -> None:
        """Record one fault."""
        self.found.append(FieldError(pointer, code, detail))

    def refuse(self, what: str) -> None:
        """Raise LawDocumentError when anything was found; `what` names the document."""
        if self.found:
            raise LawDocumentError(f"{what} is refused: {_told(self.found)}", errors=tuple(self.found))


def under(pointer: str, key: str | int) -> str:
    """Return the pointer to a key or an index below `pointer`."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _told(found: Sequence[FieldError]) -> str:
    shown = "; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in found[:_SHOWN])
    return shown + (f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
