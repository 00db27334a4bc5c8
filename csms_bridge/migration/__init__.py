"""Stations that change to another OCPP version: expected, judged, on record; and the fleet on several versions."""
