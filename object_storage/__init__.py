"""Copies of the app's own recordings in an object storage (S3 API). Loaded only with OBJECT_STORAGE_URL."""
