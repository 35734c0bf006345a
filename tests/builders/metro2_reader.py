"""A strict reader of Metro 2 files, written from the positions alone: it shares nothing with what writes them.

Every byte of every record belongs to a field here and is checked; whatever does not fit is an `AssertionError` that names
the record and the field. Positions: contact-law study §7 and moov-io/metro2 pkg/lib/specifications.go.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime

# name: (first byte, length, kind). Kinds: n number, d date or zeros, t text, b blank, s stamp.
_BASE = {
    "record_length": (0, 4, "n"),
    "processing": (4, 1, "n"),
    "stamp": (5, 14, "s"),
    "correction": (19, 1, "n"),
    "identification_no": (20, 20, "t"),
    "cycle": (40, 2, "b"),
    "account_no": (42, 30, "t"),
    "portfolio": (72, 1, "t"),
    "account_type": (73, 2, "t"),
    "opened": (75, 8, "d"),
    "credit_limit": (83, 9, "n"),
    "highest_credit": (92, 9, "n"),
    "duration": (101, 3, "t"),
    "frequency": (104, 1, "t"),
    "scheduled": (105, 9, "n"),
    "paid": (114, 9, "n"),
    "status": (123, 2, "t"),
    "rating": (125, 1, "t"),
    "history": (126, 24, "t"),
    "comment": (150, 2, "t"),
    "condition": (152, 2, "t"),
    "balance": (154, 9, "n"),
    "past_due": (163, 9, "n"),
    "charge_off": (172, 9, "n"),
    "as_of": (181, 8, "d"),
    "first_delinquency": (189, 8, "d"),
    "closed": (197, 8, "d"),
    "last_payment": (205, 8, "d"),
    "interest_type": (213, 1, "b"),
    "reserved": (214, 17, "b"),
    "surname": (231, 25, "t"),
    "first_name": (256, 20, "t"),
    "middle_name": (276, 20, "t"),
    "generation": (296, 1, "t"),
    "ssn": (297, 9, "n"),
    "born": (306, 8, "d"),
    "telephone": (314, 10, "n"),
    "ecoa": (324, 1, "t"),
    "indicator": (325, 2, "t"),
    "country": (327, 2, "t"),
    "line_1": (329, 32, "t"),
    "line_2": (361, 32, "t"),
    "city": (393, 20, "t"),
    "state": (413, 2, "t"),
    "zip": (415, 9, "t"),
    "address_indicator": (424, 1, "b"),
    "residence": (425, 1, "b"),
}
_PERSON = {
    "id": (0, 2, "t"),
    "reserved": (2, 1, "b"),
    "surname": (3, 25, "t"),
    "first_name": (28, 20, "t"),
    "middle_name": (48, 20, "t"),
    "generation": (68, 1, "t"),
    "ssn": (69, 9, "n"),
    "born": (78, 8, "d"),
    "telephone": (86, 10, "n"),
    "ecoa": (96, 1, "t"),
    "indicator": (97, 2, "t"),
}
_SEGMENTS = {
    "J1": (100, {**_PERSON, "reserved_2": (99, 1, "b")}),
    "J2": (
        200,
        {
            **_PERSON,
            "country": (99, 2, "t"),
            "line_1": (101, 32, "t"),
            "line_2": (133, 32, "t"),
            "city": (165, 20, "t"),
            "state": (185, 2, "t"),
            "zip": (187, 9, "t"),
            "address_indicator": (196, 1, "b"),
            "residence": (197, 1, "b"),
            "reserved_2": (198, 2, "b"),
        },
    ),
    "K1": (34, {"id": (0, 2, "t"), "name": (2, 30, "t"), "class": (32, 2, "n")}),
    "K2": (34, {"id": (0, 2, "t"), "kind": (2, 1, "n"), "name": (3, 30, "t"), "reserved": (33, 1, "b")}),
    "L1": (
        54,
        {
            "id": (0, 2, "t"),
            "kind": (2, 1, "n"),
            "account_no": (3, 30, "t"),
            "identification_no": (33, 20, "t"),
            "reserved": (53, 1, "b"),
        },
    ),
}
_ORDER = ("J1", "J2", "K1", "K2", "L1")
_HEADER = {
    "record_length": (0, 4, "n"),
    "identifier": (4, 6, "t"),
    "cycle": (10, 2, "b"),
    "innovis": (12, 10, "t"),
    "equifax": (22, 10, "t"),
    "experian": (32, 5, "t"),
    "transunion": (37, 10, "t"),
    "activity": (47, 8, "d"),
    "created": (55, 8, "d"),
    "program": (63, 8, "d"),
    "revision": (71, 8, "d"),
    "name": (79, 40, "t"),
    "address": (119, 96, "t"),
    "telephone": (215, 10, "n"),
    "software": (225, 40, "t"),
    "version": (265, 5, "t"),
    "prbc": (270, 10, "t"),
    "reserved": (280, 146, "b"),
}
_TRAILER = {
    "record_length": (0, 4, "n"),
    "identifier": (4, 7, "t"),
    "bases": (11, 9, "n"),
    "reserved": (20, 9, "b"),
    "status_DF": (29, 9, "n"),
    "J1": (38, 9, "n"),
    "J2": (47, 9, "n"),
    "blocks": (56, 9, "n"),
    "status_DA": (65, 9, "n"),
    "status_05": (74, 9, "n"),
    "status_11": (83, 9, "n"),
    "status_13": (92, 9, "n"),
    "status_61": (101, 9, "n"),
    "status_62": (110, 9, "n"),
    "status_63": (119, 9, "n"),
    "status_64": (128, 9, "n"),
    "status_65": (137, 9, "n"),
    "status_71": (146, 9, "n"),
    "status_78": (155, 9, "n"),
    "status_80": (164, 9, "n"),
    "status_82": (173, 9, "n"),
    "status_83": (182, 9, "n"),
    "status_84": (191, 9, "n"),
    "status_88": (200, 9, "n"),
    "status_89": (209, 9, "n"),
    "status_93": (218, 9, "n"),
    "status_94": (227, 9, "n"),
    "status_95": (236, 9, "n"),
    "status_96": (245, 9, "n"),
    "status_97": (254, 9, "n"),
    "ecoa_Z": (263, 9, "n"),
    "N1": (272, 9, "n"),
    "K1": (281, 9, "n"),
    "K2": (290, 9, "n"),
    "K3": (299, 9, "n"),
    "K4": (308, 9, "n"),
    "L1": (317, 9, "n"),
    "ssns": (326, 9, "n"),
    "ssns_base": (335, 9, "n"),
    "ssns_J1": (344, 9, "n"),
    "ssns_J2": (353, 9, "n"),
    "births": (362, 9, "n"),
    "births_base": (371, 9, "n"),
    "births_J1": (380, 9, "n"),
    "births_J2": (389, 9, "n"),
    "telephones": (398, 9, "n"),
    "reserved_2": (407, 19, "b"),
}
_TEXT = re.compile(r"[A-Za-z0-9 !-/:-@\[-`{-~]*")

_Layout = dict[str, tuple[int, int, str]]
Value = str | int | date | None


@dataclass
class Read:
    """One record: its fields, and what is appended to it as (identifier, fields)."""

    fields: dict[str, Value]
    appended: list[tuple[str, dict[str, Value]]] = field(default_factory=list)

    def __getitem__(self, name: str) -> Value:
        return self.fields[name]


@dataclass
class Metro2Read:
    """A file: header, accounts in their order, trailer."""

    header: Read
    accounts: list[Read]
    trailer: Read

    def account(self, account_no: str) -> Read:
        """Return the account of this number; AssertionError without exactly one."""
        found = [read for read in self.accounts if read["account_no"] == account_no]
        assert len(found) == 1, f"{account_no}: {len(found)} records"
        return found[0]


def read_metro2(data: bytes) -> Metro2Read:
    """Return the file's records. Raises AssertionError for anything that is not as the format has it."""
    text = data.decode("ascii")
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    header, trailer = _fields(lines[0], _HEADER, "header"), _fields(lines[-1], _TRAILER, "trailer")
    assert header["identifier"] == "HEADER"
    assert trailer["identifier"] == "TRAILER"
    for line in (lines[0], lines[-1]):
        assert len(line) == 426
        assert line[:4] == "0426"
    read = Metro2Read(Read(header), [_account(line, n) for n, line in enumerate(lines[1:-1], 1)], Read(trailer))
    _check_totals(read)
    return read


def _account(line: str, number: int) -> Read:
    where = f"record {number}"
    base = _fields(line[:426], _BASE, where)
    assert len(line) == base["record_length"], f"{where}: {len(line)} long"
    assert base["processing"] == 1
    read, rest, reached = Read(base), line[426:], 0
    while rest:
        kind = rest[:2]
        assert kind in _SEGMENTS, f"{where}: unknown segment {kind}"
        assert _ORDER.index(kind) >= reached, f"{where}: {kind} out of order"
        reached = _ORDER.index(kind)
        length, fields = _SEGMENTS[kind]
        read.appended.append((kind, _fields(rest[:length], fields, f"{where} {kind}")))
        rest = rest[length:]
    _check_account(read, where)
    return read


def _fields(record: str, layout: _Layout, where: str) -> dict[str, Value]:
    covered = 0
    found: dict[str, Value] = {}
    for name, (start, length, kind) in sorted(layout.items(), key=lambda item: item[1][0]):
        assert start == covered, f"{where}: a gap before {name}"
        covered = start + length
        raw = record[start:covered]
        assert len(raw) == length, f"{where}: {name} is cut off"
        found[name] = _value(raw, kind, f"{where}: {name} {raw!r}")
    assert covered == len(record), f"{where}: {len(record) - covered} bytes more"
    return found


def _value(raw: str, kind: str, told: str) -> Value:
    if kind == "n":
        assert raw.isdigit(), told
        return int(raw)
    if kind == "d":
        assert raw.isdigit(), told
        return None if raw == "00000000" else datetime.strptime(raw, "%m%d%Y").date()
    if kind == "s":
        datetime.strptime(raw, "%m%d%Y%H%M%S")
        return raw
    if kind == "b":
        assert not raw.strip(), told
        return ""
    assert _TEXT.fullmatch(raw), told
    assert raw == raw.upper(), told
    assert not raw.startswith(" ") or not raw.strip(), told
    return raw.rstrip()


_LATE = {"11": "0", "71": "1", "78": "2", "80": "3", "82": "4", "83": "5", "84": "6"}


def _check_account(read: Read, where: str) -> None:
    """Check what the fields say of each other, by the notes of field 17 to 25."""
    status, rating, history = str(read["status"]), str(read["rating"]), str(read["history"])
    assert (status in ("05", "13", "65", "88", "89", "94", "95")) == (rating != ""), f"{where}: rating"
    assert len(history) == 24, f"{where}: history"
    assert set(history) <= set("0123456BDEGHJKL"), f"{where}: history"
    assert "B" not in history.rstrip("B"), f"{where}: B inside the history"
    is_late = status not in ("11", "05", "13", "DA", "DF") or (status in ("05", "13") and rating != "0")
    if status not in ("DA", "DF"):
        petition = status == "11" and read["indicator"] != ""
        assert (read["first_delinquency"] is not None) == (is_late or petition), f"{where}: first delinquency"
    if status == "11":
        assert read["past_due"] == 0, f"{where}: past due while current"
    if status in ("05", "13", "61", "62", "63", "64", "65"):
        assert (read["balance"], read["past_due"], read["scheduled"]) == (0, 0, 0), f"{where}: owes after its end"
        assert read["closed"] is not None, f"{where}: no closing date"
    assert (status in ("64", "97")) == (read["charge_off"] != 0), f"{where}: charge-off"
    opened, as_of = read["opened"], read["as_of"]
    assert isinstance(opened, date)
    assert isinstance(as_of, date)
    for name in ("first_delinquency", "closed", "last_payment"):
        day = read[name]
        assert day is None or (isinstance(day, date) and opened <= day <= as_of), f"{where}: {name}"


def _check_totals(read: Metro2Read) -> None:
    """Count everything again and compare."""
    told = {name: value for name, value in read.trailer.fields.items() if isinstance(value, int)}
    del told["record_length"]
    counted = dict.fromkeys(told, 0)
    counted["bases"] = len(read.accounts)
    counted["blocks"] = len(read.accounts) + 2
    for account in read.accounts:
        counted[f"status_{account['status']}"] += 1
        for kind, person in [("base", account.fields), *account.appended]:
            if kind != "base":
                counted[kind] += 1
            if kind not in ("base", "J1", "J2"):
                continue
            counted["ssns"] += person["ssn"] != 0
            counted[f"ssns_{kind}"] += person["ssn"] != 0
            counted["births"] += person["born"] is not None
            counted[f"births_{kind}"] += person["born"] is not None
            counted["telephones"] += person["telephone"] != 0
            counted["ecoa_Z"] += person["ecoa"] == "Z"
    assert told == counted
