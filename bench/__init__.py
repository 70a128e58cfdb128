"""Measurements: `make bench`. Tests assert no figure of these."""
