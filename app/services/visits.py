"""Visits: planned, asked of the gate again at the door, ended with what came of it."""

FOLLOW_UP = "visit"
