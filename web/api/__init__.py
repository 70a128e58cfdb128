"""The HTTP API; its description (OpenAPI 3.1) is made from these modules."""
