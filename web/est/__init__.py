"""EST (RFC 7030, RFC 8951): certificates for stations that ask outside OCPP."""
