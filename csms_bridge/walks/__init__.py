"""Walks: words (steps), tables (plans), the pure engine (machine), the database (ledger), commands (acts)."""
