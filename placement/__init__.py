"""Which process owns a camera: implementations of `core.placement.Placement`."""
