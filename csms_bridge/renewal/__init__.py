"""Certificates renewed by themselves: who is due, how fast the fleet is asked, and who asks too often."""
