"""Simulated stations: OCPP 1.6, 2.0.1 and 2.1 from the station's side, with real keys and real TLS.

They serve the demonstration, the tests and everybody who wants to try the service. They know nothing of
the service: this package imports neither `pki` nor the rest of `csms_bridge`.
"""
