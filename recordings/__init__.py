"""Recordings on the devices' own disks: an index by channel and time, which also shows the time without knowledge."""
