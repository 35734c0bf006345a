"""Writes docs/permissions.md: what each role may do, and at which routes and pages it does it."""

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask

from app.domain.permissions import PERMISSIONS, ROLES
from app.factory import create_app
from config import Settings
from tests.house.map import ROOT

PAGE = ROOT / "docs" / "permissions.md"
_INTRODUCTION = """# Who may do what at the desk

Written by `python -m tests.house.permissions` from `app/domain/permissions.py` and the routes; a test keeps it true. Each
operation of the OpenAPI document says the same as `x-permission` and `x-roles`. Routes without a permission do not exist:
a test fails for one.

What is not here: acts that ask for a fresh code of the authenticator app besides, and those that take another person
than the one who asked for it, say so themselves (docs/staff.md).

"""


def permission_of(view: Any) -> str | None:
    """Return the permission that a view asks for; None: none."""
    about: dict[str, Any] = getattr(view, "_apidoc", {})
    return about.get("permission")


def staff_rules(app: Flask) -> list[tuple[str, str, str | None]]:
    """Return (methods and path, endpoint, permission) of every route of the desk's API and every page of the console."""
    found = []
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/v1/desk") and not rule.endpoint.startswith("console."):
            continue
        methods = "/".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        found.append((f"{methods} {rule.rule}", rule.endpoint, permission_of(app.view_functions[rule.endpoint])))
    return sorted(found)


def write_page(app: Flask) -> str:
    """Return the page for the routes of an app."""
    routes: defaultdict[str, list[str]] = defaultdict(list)
    for route, _, permission in staff_rules(app):
        if permission is not None:
            routes[permission].append(route)
    lines = [
        f"| permission | what | {' | '.join(ROLES)} | routes |",
        f"| --- | --- | {' | '.join('---' for _ in ROLES)} | --- |",
    ]
    for each in PERMISSIONS.values():
        marks = " | ".join("yes" if role in each.roles else "" for role in ROLES)
        listed = "<br>".join(f"`{route}`" for route in routes[each.name])
        lines.append(f"| `{each.name}` | {each.about} | {marks} | {listed} |")
    return _INTRODUCTION + "\n".join(lines) + "\n"


def bare_app(folder: Path) -> Flask:
    """Return an app with all routes and nothing in its database."""
    url = f"sqlite:///{folder / 'x.db'}"
    return create_app(Settings(mode="production", database_url=url, keys={"t1": bytes(range(1, 33))}, var_dir=folder))


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        PAGE.write_text(write_page(bare_app(Path(folder))), encoding="utf-8")
