"""Doing the same at once in many threads, each with a session of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from flask import Flask

from app.persistence.unit_of_work import close_session

_T = TypeVar("_T")


def meet(app: Flask, many: int, act: Callable[[int], _T]) -> list[_T]:
    """Call `act(n)` for n below `many` in as many threads that start together; return what came back, in order.

    Raises what any of them raised.
    """
    start = Barrier(many)

    def one(number: int) -> _T:
        with app.app_context():
            start.wait(timeout=30)
            try:
                return act(number)
            finally:
                close_session()

    with ThreadPoolExecutor(many) as pool:
        return list(pool.map(one, range(many)))
