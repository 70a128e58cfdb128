"""Live sources: one device session that several feeds share, its fragments, and the loopback server for ffmpeg."""
