"""The quirk book: what is odd about stations of a kind, as rows; no other file names a vendor."""
