"""A process of its own that holds the authorities' keys, looks at what it is asked to sign, and signs."""
