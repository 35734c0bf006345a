"""All tables, imported in one place so that metadata is complete wherever it is asked for."""

from app.persistence.models import (
    access,
    borrowers,
    calendars,
    case_records,
    channels,
    devices,
    holds,
    lenders,
    loans,
    messages,
    preferences,
    rehearsals,
    reminders,
    running,
    tasks,
)

__all__ = [
    "access",
    "borrowers",
    "calendars",
    "case_records",
    "channels",
    "devices",
    "holds",
    "lenders",
    "loans",
    "messages",
    "preferences",
    "rehearsals",
    "reminders",
    "running",
    "tasks",
]
