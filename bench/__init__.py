"""Measurements: `make bench`. Tests assert no figure of these."""

from core.allowed_addresses import allowed_addresses

allowed_addresses.allow_loopback(True)  # what is measured runs on this machine
