"""The command line: one module per noun, each a thin edge over the REST routes."""
