"""A client of the API; each test gets fresh credentials from tests/builders/access.py."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.builders.access import fresh_client


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return fresh_client(app)
