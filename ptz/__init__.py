"""Heads (pan, tilt, zoom): their mover, their queue of commands, presets, tours, imaging. See ptz_manager.py."""
