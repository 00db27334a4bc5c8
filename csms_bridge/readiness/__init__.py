"""What a station can do before anything is changed at it: a score, the reasons, and the path of its walk."""
