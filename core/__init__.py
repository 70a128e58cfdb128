"""What every room may use: records, errors, settings, clock, secrets. Standard library only."""
