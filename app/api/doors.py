"""Every door of the API with the credential it asks for. What is not listed here does not exist."""

from app.api.auth import sign_in
from app.api.borrower import sessions
from app.web.auth import BORROWER, PUBLIC
from app.web.openapi import Api


def open_doors(api: Api) -> None:
    """Register all blueprints."""
    api.register_blueprint(sign_in.door, auth=PUBLIC)
    api.register_blueprint(sessions.door, auth=BORROWER)
