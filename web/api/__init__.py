"""The HTTP API. Its description (OpenAPI 3.1) is generated from these modules.

accounts.py, cameras.py, streams.py, playback.py, recordings.py, walls.py, system.py  the routes, one module per subject
models.py (cameras and streams), *_models.py                                          their requests and answers
answers.py, described.py                                                              parts that several routes use
"""
