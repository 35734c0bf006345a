"""The first page: search from here."""

from flask import Response

from app.console.frame import page, pages
from app.web.auth import permits


@pages.get("")
@permits("borrowers.search")
def home() -> Response:
    """Show the search."""
    return page("home.html")
