"""Named layouts of the wall: stored per user, limited in number, deleted with the user."""
