"""The numbers of changes of contact data: read from content/desk/contact_changes.yaml."""

from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import yaml

from app.domain.contact_changes import KINDS, ChangeRules
from app.domain.errors import ValidationError

_FILE = Path(__file__).resolve().parents[1] / "content" / "desk" / "contact_changes.yaml"


@lru_cache(maxsize=1)
def change_rules() -> ChangeRules:
    """Return them. Raises ValidationError for a kind without a cool-off."""
    said = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    hours = said["cool_off_hours"]
    if set(hours) != set(KINDS) or any(type(each) is not int or each < 1 for each in hours.values()):
        raise ValidationError(f"cool_off_hours names each of {', '.join(KINDS)} with at least an hour.")
    return ChangeRules(
        cool_off={kind: timedelta(hours=each) for kind, each in hours.items()},
        prove_within=timedelta(days=said["prove_within_days"]),
        code_lifetime=timedelta(minutes=said["code_minutes"]),
        tries=said["tries"],
        codes=said["codes"],
        kept=timedelta(days=said["kept_days"]),
    )
