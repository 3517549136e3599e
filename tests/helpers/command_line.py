"""The command as a process of its own, and what it is given to score."""

import os
import sys
from pathlib import Path

COMMAND = str(Path(sys.executable).parent / "newsstand")
SPORT, ECONOMY, WEATHER = (
    "The goalkeeper saved a penalty in the match.",
    "The bank raised interest rates and shares fell.",
    "Heavy rain and snow on the coast.",
)


def environment(**more: str) -> dict[str, str]:
    usual = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    return {**usual, **more}
