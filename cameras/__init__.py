"""Cameras and recorders: their rows in the database, the connections to the devices, and their last snapshots.

`onvif_manager.OnvifManager` is the interface for other packages; `cameras.records` holds the values that it takes and
returns. Other packages import only these two and two helpers, `registry.device_key` and `snapshots.is_jpeg`.
"""
