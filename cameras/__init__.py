"""The devices we know: what is stored of them, how they are kept connected, what they show.

`onvif_manager.OnvifManager` is the face; nothing else outside this package imports its modules,
except `cameras.records`, whose values cross the room's edge.
"""
