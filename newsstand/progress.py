"""The type of the functions that long work calls with its progress."""

from collections.abc import Callable
from typing import TypeAlias

# Called with the stage, the rows or steps done, and their total, or None if it is unknown.
ProgressCallback: TypeAlias = Callable[[str, int, int | None], None]
