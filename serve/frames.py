"""Rows of a pandas DataFrame as the scorer reads them."""

from numbers import Real
from typing import Any


def is_frame(value: Any) -> bool:
    """Whether a value is a pandas DataFrame; pandas need not be installed."""
    return hasattr(value, "columns") and hasattr(value, "to_dict")


def frame_rows(frame: Any) -> list[dict[str, Any]]:
    """The rows as mappings of columns, missing values as None."""
    rows: list[dict[str, Any]] = frame.to_dict(orient="records")
    return [
        {str(name): None if _missing(value) else value for name, value in row.items()}
        for row in rows
    ]


def _missing(value: Any) -> bool:
    # What pandas writes for a missing value: None, pd.NA, pd.NaT or NaN.
    known = value is None or type(value).__name__ in ("NAType", "NaTType")
    return known or (isinstance(value, Real) and bool(value != value))
