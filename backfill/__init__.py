"""Backfill: gaps of the archive are filled from the recorder's own disks."""
