"""Attachments kept in a folder of this machine, or one that several machines mount: one file each, under a random word."""

import contextlib
import os
import re
import secrets
from pathlib import Path

_WORD = re.compile(r"[0-9a-f]{32,64}")


class FolderStore:
    """Bytes by word. What is written is sealed before it comes here; a half-written file is never seen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, word: str, content: bytes) -> None:
        """Keep these bytes under this word, in place of others."""
        path = self._path(word)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)

    def get(self, word: str) -> bytes:
        """Return the bytes. Raises FileNotFoundError."""
        return self._path(word).read_bytes()

    def delete(self, word: str) -> None:
        """Forget the bytes; there may be none."""
        with contextlib.suppress(FileNotFoundError):
            self._path(word).unlink()

    def _path(self, word: str) -> Path:
        if not _WORD.fullmatch(word):
            raise ValueError("Not a word that a store keeps anything under.")
        return self._folder / word[:2] / word
