"""Posture: what is observed of a station beside what it says of itself and what is wanted of it."""
