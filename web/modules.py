"""Which modules a page needs, read from the modules themselves, so that a browser asks for all of them at once.

Without it a browser learns of each module only when it has read the one that imports it: a page
four imports deep waits four times. Nothing is bundled, and no list is kept beside the code.
"""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache

from web.static_files import STATIC_ROOT

_IMPORT = re.compile(r"""^(?:import|export)\b[^;'"]*?["'](\.{1,2}/[^"']+)["'];""", re.MULTILINE)


@lru_cache(maxsize=32)
def modules_of(entry: str) -> tuple[str, ...]:
    """Addresses of all that `/static/js/pages/<entry>.js` imports, directly or not; itself first."""
    found: dict[str, None] = {}
    waiting = [f"js/pages/{entry}.js"]
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = None
            text = (STATIC_ROOT / name).read_text("utf-8")
            waiting += [posixpath.normpath(posixpath.join(posixpath.dirname(name), to)) for to in _IMPORT.findall(text)]
    return tuple(f"/static/{name}" for name in found)
