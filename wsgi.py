"""Entry point of the web server and of the `flask` command."""

import sys

from app.factory import create_app
from config import Settings, SettingsError

try:
    application = app = create_app(Settings.from_env())
except SettingsError as error:
    sys.exit(f"Duecourse does not start: {error}")
