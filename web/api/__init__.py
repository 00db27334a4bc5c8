"""REST under /api/v1: one module per noun. A route parses, calls a door and translates the answer."""
