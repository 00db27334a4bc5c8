"""Firmware on stations: images published, updates on the line, and what must be true before either."""
