"""Records, errors, settings, clock and secrets for all packages. Imports only the standard library."""
