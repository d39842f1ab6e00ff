"""Where things that were made once are kept: organisms, fitted judges, answers of judges."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """OFFSWITCH_CACHE, else the user's cache folder; it may not exist yet."""
    base = os.environ.get("OFFSWITCH_CACHE")
    return Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "offswitch"
