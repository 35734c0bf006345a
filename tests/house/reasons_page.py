"""Writes docs/reasons.md from the reason catalogue."""

from app.wording.reason_words import write_page
from tests.house.map import ROOT

PAGE = ROOT / "docs" / "reasons.md"

if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
