"""How a refused command ends: its reason on one line, exit code 1, no traceback."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from app.domain.errors import DomainError

_P = ParamSpec("_P")
_R = TypeVar("_R")


def says_why(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Print what a domain error says instead of where it was raised."""

    @wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return command(*args, **kwargs)
        except DomainError as error:
            raise click.ClickException(error.detail) from None

    return run
