"""Cameras and recorders: their rows in the database, the connections to the devices, and their last snapshots.

`onvif_manager.OnvifManager` is the interface for other packages; `cameras.records` holds the values that it takes and
returns. Other packages import only these two and two helpers, `registry.device_key` and `snapshots.is_jpeg`.

registry.py                   all cameras in memory; pages read only from here
store.py, vault.py            their rows, and the encryption of the passwords; rotation.py replaces the key
editing.py                    a user's changes; addresses.py and drafts.py check them, channels.py orders the channels
connecting.py, schedule.py    worker threads that keep every camera connected, and their queue
device.py, onvif_device.py    the interface of a device, and its implementation with `onvif_services`
media_calls.py                calls about live media and recordings: their RTSP addresses, key frames, any other call
plain_device.py               a camera without ONVIF
snapshots.py                  stills of devices; snapshot_cache.py keeps the last ones
finding.py                    the search of the local network
health.py, redactor.py        the health card, and the removal of passwords from texts of devices
pretend.py, pretend_camera.py the built-in pretend recorder: its process, and its camera
"""
