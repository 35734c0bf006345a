"""Reading rows out of a file: encoding, delimiter, header, and the rows that are no data.

Nothing is held but the current row, so memory does not grow with the file.
"""

import codecs
import csv
import difflib
import gzip
import hashlib
import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from app.domain.errors import RefusedError
from app.services.imports.maps import ImportMap

_CHUNK = 1 << 16
_MAY_BE_DATA = re.compile(r"\d{4}|@")
"""What no header has in it, but a row may."""
_BOM_ENCODINGS = {"utf-8": "utf-8-sig", "utf8": "utf-8-sig"}
"""UTF-8 is read with or without a byte order mark."""


class _Watched(io.RawIOBase):
    """Hashes and counts the bytes of the file as they are read."""

    def __init__(self, raw: BinaryIO, seen: Callable[[int], None]) -> None:
        self._raw = raw
        self._seen = seen
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self.digest.update(data)
        self._seen(len(data))
        return len(data)


@dataclass
class SourceFile:
    """One file being read through a map. `skipped` counts the rows that were no data, by kind."""

    path: Path
    map: ImportMap
    progress: Callable[[int], None] = field(default=lambda _bytes: None)
    skipped: Counter[str] = field(default_factory=Counter)
    sha256: str = ""
    places: list[int | None] = field(default_factory=list)
    """Where each of the map's columns is found in a row; None: the file lacks that optional column."""
    width: int = 0
    """How many cells a row has."""

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line number, cells) of every data row. Raises RefusedError when the file cannot be read so."""
        try:
            raw = self.path.open("rb")
        except OSError as error:
            raise RefusedError(f"{self.path} cannot be opened: {error.strerror}.") from None
        with raw:
            watched = _Watched(raw, self.progress)
            try:
                yield from self._data_rows(self._text(watched))
            except UnicodeDecodeError:
                raise RefusedError(self._encoding_problem()) from None
            except UnicodeError as error:
                raise RefusedError(f"{self.path.name} is not {self.map.encoding}: {error}.") from None
            except (OSError, EOFError, zlib.error):
                raise RefusedError(f"{self.path.name} is not whole: its gzip data is damaged or cut off.") from None
            self.sha256 = watched.digest.hexdigest()

    def _text(self, watched: _Watched) -> io.TextIOWrapper:
        binary = cast(BinaryIO, io.BufferedReader(watched, _CHUNK))
        if self.path.suffix == ".gz":
            binary = cast(BinaryIO, gzip.GzipFile(fileobj=binary))
        return io.TextIOWrapper(binary, encoding=self._codec, errors="strict", newline="")

    def header(self) -> list[str]:
        """Return the header line alone; nothing when the file cannot be read so."""
        try:
            with self.path.open("rb") as raw, self._text(_Watched(raw, lambda _bytes: None)) as text:
                for _ in range(self.map.title_lines):
                    text.readline()
                reader = csv.reader(text, delimiter=self.map.delimiter, quotechar=self.map.quote, strict=True)
                return [cell.strip() for cell in next((row for row in reader if any(cell.strip() for cell in row)), [])]
        except (OSError, EOFError, zlib.error, UnicodeError, csv.Error):
            return []

    @property
    def _codec(self) -> str:
        return _BOM_ENCODINGS.get(self.map.encoding.lower(), self.map.encoding)

    def _data_rows(self, text: io.TextIOWrapper) -> Iterator[tuple[int, list[str]]]:
        for _ in range(self.map.title_lines):
            if text.readline():
                self.skipped["title"] += 1
        reader = csv.reader(text, delimiter=self.map.delimiter, quotechar=self.map.quote, strict=True)
        header: list[str] | None = None
        prefixes = tuple(self.map.starting_with)
        line = after = self.map.title_lines + 1
        try:
            for row in reader:
                line, after = after, reader.line_num + self.map.title_lines + 1  # a row may go over several lines
                if not row or (len(row) == 1 and not row[0].strip()):
                    self.skipped["blank"] += 1
                elif header is None:
                    header = [cell.strip() for cell in row]
                    self._find_columns(header)
                elif prefixes and row[0].startswith(prefixes):
                    self.skipped[next(kind for text, kind in self.map.starting_with.items() if row[0].startswith(text))] += 1
                elif self.map.repeated_header and [cell.strip() for cell in row] == header:
                    self.skipped["repeated_header"] += 1
                else:
                    yield line, row
        except csv.Error as error:
            line = reader.line_num + self.map.title_lines
            raise RefusedError(f"{self.path.name}, line {line}: not separated text as the map says ({error}).") from None
        if header is None:
            raise RefusedError(f"{self.path.name} has no header line.")

    def _find_columns(self, header: Sequence[str]) -> None:
        missing: list[str] = []
        columns = self.map.columns.values()
        # Where a header is missing, the first line is a row, and may be a person's.
        may_show = any(column.header in header for column in columns) or not any(column.personal for column in columns)
        self.width = len(header)
        self.places = []
        for column in columns:
            count = header.count(column.header)
            if count > 1:
                raise RefusedError(f"{self.path.name} has the column {column.header!r} {count} times; which one is meant?")
            if count == 0 and not column.optional:
                near = difflib.get_close_matches(column.header, header, n=1)
                missing.append(repr(column.header) + (f" (did you mean {near[0]!r}?)" if near and may_show else ""))
            self.places.append(header.index(column.header) if count else None)
        if missing:
            found = ", ".join("…" if _MAY_BE_DATA.search(cell) else repr(cell) for cell in header[:40])
            raise RefusedError(
                f"{self.path.name} lacks {len(missing)} column(s) of map {self.map.name}: {', '.join(missing)}. "
                + (f"Its first line has: {found}." if may_show else "Its first line is no header of this map.")
            )

    def _encoding_problem(self) -> str:
        """Read the file once more to say where it stops being text in the declared encoding."""
        decoder = codecs.getincrementaldecoder(self._codec)("strict")
        opener = gzip.open if self.path.suffix == ".gz" else open
        at, lines, pending = 0, 1, 0
        with opener(self.path, "rb") as binary:
            while True:
                chunk = binary.read(_CHUNK)
                try:
                    lines += decoder.decode(chunk, final=not chunk).count("\n")
                except UnicodeDecodeError as error:
                    bad = error.object[error.start]
                    before = error.object[: error.start].decode(self._codec, "ignore").count("\n")
                    where = at - pending + error.start
                    return (
                        f"{self.path.name} is not {self.map.encoding}: byte 0x{bad:02x} at position {where}, "
                        f"line {lines + before}. Save it as {self.map.encoding}, or use a map with its encoding."
                    )
                at += len(chunk)
                pending = len(decoder.getstate()[0])
                if not chunk:
                    return f"{self.path.name} is not {self.map.encoding}."
