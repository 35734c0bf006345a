"""Where the bytes of attachments are and who looks through them: chosen once, when the program starts."""

from typing import Protocol


class AttachmentStore(Protocol):
    """Keeps bytes, which come sealed, under a random word of 32 to 64 hexadecimal digits."""

    def put(self, word: str, content: bytes) -> None:
        """Keep these bytes, in place of others under the word."""
        ...

    def get(self, word: str) -> bytes:
        """Return the bytes. Raises FileNotFoundError."""
        ...

    def delete(self, word: str) -> None:
        """Forget the bytes; there may be none."""
        ...


class Scanner(Protocol):
    """Looks for what does harm."""

    def scan(self, content: bytes) -> str | None:
        """Return the name of what was found, None for a clean file. Raises ScannerError when it cannot be told."""
        ...


class _Chosen:
    store: AttachmentStore | None = None
    scanner: Scanner | None = None


def use_parts(store: AttachmentStore, scanner: Scanner | None) -> None:
    """Use this store and this scanner (None: files stay unscanned, and say so)."""
    _Chosen.store, _Chosen.scanner = store, scanner


def attachment_store() -> AttachmentStore:
    """Return the store."""
    if _Chosen.store is None:
        raise RuntimeError("No attachment store was chosen; create_app does.")
    return _Chosen.store


def scanner() -> Scanner | None:
    """Return the scanner, None where there is none."""
    return _Chosen.scanner
