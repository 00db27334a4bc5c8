"""Campaigns: the same change on many stations, in waves."""
