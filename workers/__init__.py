"""Loops that run without a request."""
