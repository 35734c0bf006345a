"""A stand-in for push and SMS providers: a process of its own that speaks their wire format over real HTTP.

It accepts, refuses, delays, breaks off and lies as told, and remembers every message it took, so that a test can see what
left, in which order, and whether anything left twice. Nothing leaves the machine. See `server.py` for its addresses.
"""
