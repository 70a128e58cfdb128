"""The ONVIF services of the pretend recorder. Importing a service's module registers its operations (see `service`)."""
