"""Measurements, run by `make bench`. No test asserts their figures."""

from core.allowed_addresses import allowed_addresses

allowed_addresses.allow_loopback(True)  # the measured programs run on this machine
