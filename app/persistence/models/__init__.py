"""All tables, imported in one place so that metadata is complete wherever it is asked for."""

from app.persistence.models import access, borrowers, calendars, devices, lenders, loans, messages, reminders, running

__all__ = ["access", "borrowers", "calendars", "devices", "lenders", "loans", "messages", "reminders", "running"]
