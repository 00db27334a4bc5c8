"""Walks: plans (tables), machine (pure), runner (clock, store, link), quirks (vendor rows)."""
