"""HLS playlists (RFC 8216): of a live session, and of one run of a replay."""
