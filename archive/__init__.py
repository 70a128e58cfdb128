"""Recording on the server: volumes, files, their index, rules and retention."""
