"""Tests of minutes: `make soak`."""
