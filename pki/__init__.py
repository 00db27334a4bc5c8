"""X.509 and signing: the authority. Knows nothing of OCPP, HTTP or pages."""
