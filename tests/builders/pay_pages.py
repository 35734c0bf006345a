"""What the page of a link for paying brings back."""

import re


def fields_of(page: str) -> dict[str, str]:
    """The hidden fields of its button; empty: nothing can be paid there."""
    return dict(re.findall(r'name="(proof|loan|once)" value="([^"]+)"', page))
