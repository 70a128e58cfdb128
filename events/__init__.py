"""Events of devices: the meaning of their messages for channels, and the subscriptions that must be ended."""
