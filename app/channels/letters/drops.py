"""Places where files are dropped for a print room: a folder of this machine, or a server that speaks SFTP.

A file appears whole or not at all: it is written under another name and renamed. `DropError` says whether the file may be
there all the same.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

PART = ".part"


class DropError(Exception):
    """A file could not be dropped, or the place not be read. `code` in our words; `is_ambiguous`: it may be there."""

    def __init__(self, code: str, raw: str, *, is_ambiguous: bool = False) -> None:
        super().__init__(f"{code}: {raw}")
        self.code, self.raw, self.is_ambiguous = code, raw, is_ambiguous


class Drop(Protocol):
    """One folder of files, by their names."""

    def names(self) -> set[str]:
        """Return what is there; what is being written, or was left half-written, ends in `.part`. Raises DropError."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Put a file there, whole, in place of one of the same name. Raises DropError."""
        ...

    def read(self, name: str) -> bytes:
        """Return a file's content. Raises DropError."""
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Take files away; those that are not there are passed over. Raises DropError."""
        ...

    def move(self, name: str, new_name: str) -> None:
        """Give a file another name, with a folder below this one in it perhaps. Raises DropError."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


class FolderDrop:
    """A folder of this machine, or one mounted here. What was put survives a power cut."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> set[str]:
        """Return the files in it."""
        try:
            return {each.name for each in os.scandir(self._folder) if each.is_file()}
        except OSError as error:
            raise _error(error) from None

    def put(self, name: str, content: bytes) -> None:
        """Write beside, to the disk, then rename."""
        part = self._folder / f"{name}{PART}"
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self._folder / name)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise _error(error) from None
        self._sync()

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise _error(error) from None

    def remove(self, names: Sequence[str]) -> None:
        """Take files away."""
        try:
            for name in names:
                (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise _error(error) from None
        self._sync()

    def move(self, name: str, new_name: str) -> None:
        """Rename a file."""
        try:
            target = self._folder / new_name
            target.parent.mkdir(exist_ok=True)
            os.replace(self._folder / name, target)
        except OSError as error:
            raise _error(error) from None

    def close(self) -> None:
        """Nothing is kept open."""

    def _sync(self) -> None:
        """Have the names themselves survive: the files' content did already."""
        try:
            handle = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise DropError("disk", type(error).__name__, is_ambiguous=True) from None


def _error(error: OSError) -> DropError:
    return DropError("unavailable", type(error).__name__)
