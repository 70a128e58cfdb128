"""The HTTP API. Its description (OpenAPI 3.1) is generated from these modules."""
