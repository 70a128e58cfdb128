"""Prepares the process whose copies are the apps of tests: its imports, one built app, and an empty database.

Without these, each copy compiles the routes and runs the migrations, which is half of the processor time of its start.
"""

from __future__ import annotations

import gc
from pathlib import Path

from app import create_app
from core.settings import Settings
from tests.prepared_database import prepare
from tests.quick_rules import shared_compiled_rules

shared_compiled_rules().__enter__()
create_app(Settings(data_dir=Path("/nowhere/data"), streams_dir=Path("/nowhere/streams")))  # touches no folder
prepare()
gc.collect()
gc.freeze()  # otherwise each collection of a copy writes to all pages, which the copy then no longer shares
