"""Cells of files that people open in a spreadsheet: what it would take for a formula is made text."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Also the full-width signs, which some programs fold. Source: OWASP, CSV injection."""


def safe_cell(value: object) -> str | int:
    """Return a value as a cell: nothing is empty, a text that begins like a formula gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
