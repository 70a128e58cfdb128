"""Heads (pan, tilt, zoom): who moves them, their queue of commands, presets, tours, imaging. See ptz_manager.py."""
