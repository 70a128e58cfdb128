"""Measurements: `make bench`. Tests assert no figure of these."""

from core.outward import outward

outward.allow_loopback(True)  # what is measured runs on this machine
