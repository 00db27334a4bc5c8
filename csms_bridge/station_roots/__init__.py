"""Root certificates on stations: what each one lists, what ought to be there, and changing it (M03, M04, M05)."""
