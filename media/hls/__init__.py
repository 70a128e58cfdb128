"""HLS playlists: of a live session, of a replay."""
