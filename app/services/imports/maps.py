"""Maps: data files that say what the columns and rows of a core's file mean.

The ones we ship are in app/content/import_maps; a lender's own map is a path. A map is checked whole before the file is
opened: unknown keys and unknown columns are refused with a pointer and, where one is close, a suggestion.
"""

import difflib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError as SchemaError
from jsonschema.exceptions import best_match

from app.domain.book import LenderValues
from app.domain.errors import RefusedError
from app.services.imports.map_checks import check_map

FOLDER = Path(__file__).resolve().parents[2] / "content" / "import_maps"
_LARGEST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the header it is found by and how its cells are read. `index` is its place among the map's columns."""

    name: str
    index: int
    header: str
    type: str
    required: bool
    optional: bool
    personal: bool
    formats: tuple[str, ...]
    zone: str | None
    codes: Mapping[str, str]
    nulls: frozenset[str]
    strip: str
    day: int | None
    """Of a date that says only month and year: the day meant."""
    percent: bool
    decimals: int | None
    tolerance: Decimal | None
    """Of an amount; None: the file's."""


class PassedOver(NamedTuple):
    """Data rows that are about something else: those with one of these values in this column."""

    column: str
    values: frozenset[str | int | None]
    counted_as: str


@dataclass(frozen=True, slots=True)
class ImportMap:
    """A checked map. `records` keeps the document's form; `values.py` compiles it."""

    name: str
    about: str
    encoding: str
    delimiter: str
    quote: str
    fold_width: bool
    title_lines: int
    repeated_header: bool
    starting_with: Mapping[str, str]
    decimal: str
    group: str
    signs: tuple[str, ...]
    tolerance: Decimal
    lender: LenderValues | None
    currency: str | None
    currency_column: str | None
    as_of: str | None
    """The column with the file's business date."""
    as_of_on: date | None
    """The business date, where every file of this map is of one day."""
    as_of_with_file: bool
    """Whether whoever imports the file says its business date."""
    passed_over: tuple[PassedOver, ...]
    loan_by_account: bool
    """Whether the group column names the account of a loan instead of its number."""
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    group_column: str
    total: Any
    records: Mapping[str, Any]


def shipped_maps() -> dict[str, Path]:
    """Return the maps that come with the product, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def load_map(name: str) -> ImportMap:
    """Return a map as `load_maps` does; of one with several parts, the first. Raises RefusedError."""
    return load_maps(name)[0]


def load_maps(name: str) -> tuple[ImportMap, ...]:
    """Return a shipped map by name, or a lender's own by path. Raises RefusedError that says what is wrong and where.

    A map for several files of one core has several parts; "name/part" names one of them.
    """
    shipped = shipped_maps()
    stem, _, part = name.partition("/")
    path = None if Path(name).is_file() and name not in shipped else shipped.get(stem)
    if path is None:
        part = ""
        path = Path(name)
        if not path.is_file():
            near = difflib.get_close_matches(name, shipped, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise RefusedError(f"There is no map {name!r}.{hint} Known maps: {', '.join(shipped)}; or name a file.")
    if path.stat().st_size > _LARGEST_BYTES:
        raise RefusedError(f"{path.name} is too large for a map.")
    try:
        documents = list(yaml.load_all(path.read_text(encoding="utf-8"), _Loader))
        parts = _parts(path.stem, documents)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise RefusedError(f"{path.name} is not YAML: {error}") from None
    except RecursionError:
        raise RefusedError(f"{path.name} is nested too deeply for a map.") from None
    if part and part not in parts:
        raise RefusedError(f"Map {stem} has no part {part!r}; it has {', '.join(filter(None, parts)) or 'none'}.")
    return (parts[part],) if part else tuple(parts.values())


def _parts(stem: str, documents: Sequence[Any]) -> dict[str, ImportMap]:
    """Return the maps of one file by part, in order; a map of its own is the part "". Raises RefusedError."""
    if len(documents) < 2:
        return {"": parse_map(stem, documents[0] if documents else None)}
    parts: dict[str, ImportMap] = {}
    for number, document in enumerate(documents, start=1):
        part = document.get("part") if isinstance(document, dict) else None
        if not isinstance(part, str) or part in parts:
            raise RefusedError(f"Map {stem}, document {number}: each of several documents needs a `part` of its own.")
        parts[part] = parse_map(f"{stem}/{part}", document)
    return parts


class _Loader(yaml.SafeLoader):
    """Refuses what YAML quietly lets pass: a key given twice, of which the last would win, and keys that are no text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping. Raises YAMLError."""
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            where = f"line {key_node.start_mark.line + 1}"
            if not isinstance(key, str):
                raise yaml.YAMLError(f'{where}: the key {key} must be text; write "{key_node.value}".')
            if key in seen:
                raise yaml.YAMLError(f"{where}: the key {key!r} is there twice.")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def parse_map(name: str, document: Any) -> ImportMap:
    """Return the map of a document. Raises RefusedError."""
    error = best_match(_schema().iter_errors(document))
    if error is not None:
        raise RefusedError(f"Map {name}: {_explained(error)}")
    numbers, skip = document.get("numbers", {}), document.get("skip", {})
    nulls = frozenset(document.get("nulls", [""])) | {""}
    currency, lender, as_of = document.get("currency"), document.get("lender"), document.get("as_of")
    parsed = ImportMap(
        name=name,
        about=document["about"],
        encoding=document.get("encoding", "utf-8"),
        delimiter=document.get("delimiter", ","),
        quote=document.get("quote", '"'),
        fold_width=document.get("fold_width", False),
        title_lines=skip.get("title_lines", 0),
        repeated_header=skip.get("repeated_header", False),
        starting_with=skip.get("starting_with", {}),
        decimal=numbers.get("decimal", "."),
        group=numbers.get("group", ""),
        signs=tuple(numbers.get("signs", ())),
        tolerance=Decimal(numbers.get("tolerance", "0")),
        lender=LenderValues(**lender) if lender else None,
        currency=currency if isinstance(currency, str) else None,
        currency_column=currency["column"] if isinstance(currency, dict) else None,
        as_of=as_of if isinstance(as_of, str) else None,
        as_of_on=_known_day(name, as_of),
        as_of_with_file=isinstance(as_of, dict) and "with_the_file" in as_of,
        passed_over=tuple(PassedOver(each["column"], frozenset(each["in"]), each["as"]) for each in skip.get("where", ())),
        loan_by_account=document.get("loan_by") == "account",
        columns={key: _column(key, index, column, nulls) for index, (key, column) in enumerate(document["columns"].items())},
        key=tuple(document["key"]),
        group_column=document.get("group", document["key"][0]),
        total=document.get("total"),
        records=document["records"],
    )
    check_map(parsed)
    return parsed


def _column(name: str, index: int, given: Mapping[str, Any], nulls: frozenset[str]) -> Column:
    return Column(
        name=name,
        index=index,
        header=given["header"],
        type=given["type"],
        required=given.get("required", False),
        optional=given.get("optional", False),
        personal=given.get("personal", False),
        formats=tuple(given.get("formats", ())),
        zone=given.get("zone"),
        codes=given.get("codes", {}),
        nulls=nulls | frozenset(given.get("nulls", ())),
        strip=given.get("strip", ""),
        day=given.get("day"),
        percent=given.get("percent", False),
        decimals=given.get("decimals"),
        tolerance=Decimal(given["tolerance"]) if "tolerance" in given else None,
    )


def _known_day(name: str, as_of: Any) -> date | None:
    try:
        return date.fromisoformat(as_of["constant"]) if isinstance(as_of, dict) and "constant" in as_of else None
    except ValueError:
        raise RefusedError(f"Map {name}: /as_of/constant: is not a day written as 2026-03-31.") from None


def _explained(error: SchemaError) -> str:
    pointer = "/" + "/".join(str(part) for part in error.absolute_path)
    schema: Any = error.schema
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        allowed: Sequence[str] = list(schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in allowed)
        near = difflib.get_close_matches(str(unknown), allowed, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(allowed)}"
        return f"{pointer.rstrip('/')}/{unknown}: unknown key; {hint}"
    if error.validator in ("oneOf", "type") and "constant" in str(schema) and "$defs" not in schema:
        known = "constant, sum, minus, either, join, after, first, previous (with `or`)"
        return f"{pointer}: must be a column name, or one of {known}"
    return f"{pointer}: {error.message}"


@lru_cache(maxsize=1)
def _schema() -> Draft202012Validator:
    return Draft202012Validator(orjson.loads((FOLDER / "schema.json").read_bytes()))
