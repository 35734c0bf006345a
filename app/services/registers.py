"""The registers to which borrowers may be reported, read from content/registers."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.errors import ValidationError, refused_at
from app.domain.registers import DAY_OF_APPROVAL, DAY_OF_FILE, FIELDS, Basis, Register

_FILE = Path(__file__).resolve().parents[1] / "content" / "registers" / "registers.yaml"
_GRADES = ("primary", "secondary", "recalled")
_KINDS = ("authority", "association")
_SHARE_KINDS = ("transfer", "entrust")


@lru_cache(maxsize=1)
def registers() -> Mapping[str, Register]:
    """Return every register by its key. Raises ValidationError, which names what is wrong."""
    document = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return {key: read_register(key, said) for key, said in document["registers"].items()}


def get_register(key: str) -> Register:
    """Return one. Raises ValidationError for one that is not known."""
    found = registers().get(key)
    if found is None:
        raise refused_at("/register", f"register is not one of {', '.join(registers())}.")
    return found


def registers_for(jurisdiction: str) -> list[Register]:
    """Return the registers that a lender of this jurisdiction may report to."""
    return [each for each in registers().values() if jurisdiction in each.jurisdictions]


def register_for(key: str, jurisdiction: str) -> Register:
    """Return a register that such a lender may report to. Raises ValidationError."""
    register = get_register(key)
    if jurisdiction not in register.jurisdictions:
        raise refused_at("/register", f"{key} takes reports of lenders in {', '.join(register.jurisdictions)} only.")
    return register


def read_register(key: str, said: Mapping[str, Any]) -> Register:
    """Return a register as a file says it. Raises ValidationError."""
    given: dict[str, Any] = dict(said)
    try:
        bases = {
            name: Basis(name, str(basis["source"]), str(basis["grade"]), dict(basis["words"]))
            for name, basis in given.pop("bases").items()
        }
        given |= {name: tuple(given[name]) for name in ("jurisdictions", "fields", "notice_kinds")}
        register = Register(key=key, bases=bases, **given)
    except (KeyError, TypeError) as error:
        raise ValidationError(f"Register {key}: {error} is missing or unknown.") from None
    _check(register)
    return register


def _check(register: Register) -> None:
    wrong = [f"no field {name}" for name in register.fields if name not in FIELDS]
    wrong += [f"grade {basis.grade}" for basis in register.bases.values() if basis.grade not in _GRADES]
    if register.kind not in _KINDS or register.share_kind not in _SHARE_KINDS:
        wrong.append(f"kind {register.kind} or share_kind {register.share_kind}")
    if register.amounts_of not in (DAY_OF_FILE, DAY_OF_APPROVAL):
        wrong.append(f"amounts_of {register.amounts_of}")
    if not register.bases or not register.notice_kinds or not register.jurisdictions:
        wrong.append("no basis, no notice, or no jurisdiction")
    days = (register.wait_days, register.notice_valid_days, register.removal_days, register.keep_years)
    if min(days) < 0 or register.wait_days >= register.notice_valid_days or not register.keep_years:
        wrong.append("days that cannot be")
    for words in (register.name, register.objection, *(basis.words for basis in register.bases.values())):
        if "en" not in words:
            wrong.append("words without English")
    if wrong:
        raise ValidationError(f"Register {register.key}: {'; '.join(wrong)}.")


def words_in(words: Mapping[str, str], locale: str) -> str:
    """Return words in a language, else in English."""
    return words.get(locale) or words["en"]
