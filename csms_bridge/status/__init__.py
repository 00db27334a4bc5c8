"""Is a certificate that somebody else issued still good? Asked by stations, answered by responders elsewhere."""
