"""Named layouts of the wall, each of its own user: kept, bounded, gone with the user."""
