"""Notifications about events: rules, sinks, queues, and the log of deliveries."""
