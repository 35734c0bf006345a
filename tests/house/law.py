"""Re-make the shipped law and its cases: `python -m tests.house.law ../shared/rules`.

A pack ships without cases (app/content/law); the cases are kept beside the tests (tests/rules), by rule.
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CONTENT = ROOT / "app" / "content" / "law"
CASES = ROOT / "tests" / "rules"
WIDTH = 160
"""Of a line of JSON."""
SOURCE_VOCABULARY, OUR_VOCABULARY = "VOCABULARY.json", "vocabulary.json"


def documents(source: Path) -> dict[Path, Any]:
    """Return what is shipped and what is tested with, by path, made from the packs in `source`."""
    found: dict[Path, Any] = {CONTENT / OUR_VOCABULARY: _read(source / SOURCE_VOCABULARY)}
    for path in sorted(source.glob("*.json")):
        if path.name == SOURCE_VOCABULARY:
            continue
        pack = _read(path)
        cases = [{"id": rule["id"], "cases": rule.pop("cases")} for rule in pack["rules"]]
        found[CONTENT / path.name] = pack
        found[CASES / path.name] = {"rules": cases}
    return found


def main(source: str) -> None:
    """Write every document."""
    for path, document in documents(Path(source)).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_laid_out(document), encoding="utf-8")


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _laid_out(document: Any, depth: int = 0) -> str:
    """Return JSON that breaks lines only where an object or a list does not fit on one."""
    flat = json.dumps(document, ensure_ascii=False)
    if len(flat) <= WIDTH or not isinstance(document, dict | list):
        return flat + ("" if depth else "\n")
    inner, outer = " " * (depth + 1), " " * depth
    if isinstance(document, list):
        parts, (start, end) = [_laid_out(each, depth + 1) for each in document], "[]"
    else:
        parts = [f"{json.dumps(name, ensure_ascii=False)}: {_laid_out(each, depth + 1)}" for name, each in document.items()]
        start, end = "{}"
    body = ",\n".join(f"{inner}{part}" for part in parts)
    return f"{start}\n{body}\n{outer}{end}" + ("" if depth else "\n")


if __name__ == "__main__":
    main(sys.argv[1])
