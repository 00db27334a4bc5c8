"""`voltward demo`: the main job in front of one's eyes, with real sockets, real TLS and real keys."""
