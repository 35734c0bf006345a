"""Duecourse. This file stays a docstring, so that `app.domain` imports in milliseconds."""
