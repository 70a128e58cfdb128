"""Motion that the app itself sees: settings of channels, control of the watching child, cells, events."""
