"""OCPP: the listener, admission, the three dialects and the walks. Imports `pki` and nothing above it."""
