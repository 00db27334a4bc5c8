"""Stations that lost what proved them, and their ways back: asked for, approved, open for a time, closed."""
