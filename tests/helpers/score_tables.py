"""Tables of articles to score, and of scores."""

import csv
import json
from pathlib import Path
from typing import Any

from command_line import ECONOMY, SPORT, WEATHER


def rows(count: int) -> list[dict[str, Any]]:
    texts = (SPORT, ECONOMY, WEATHER)
    return [{"id": f"n{n}", "n": n, "body": f"{texts[n % 3]} {n}"} for n in range(count)]


def write_jsonl(name: str, items: list[dict[str, Any]]) -> None:
    Path(name).write_text("".join(json.dumps(item) + "\n" for item in items))


def read_jsonl(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(name).read_text("utf-8").splitlines()]


def read_csv(name: str) -> list[dict[str, str]]:
    with Path(name).open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def left() -> list[str]:
    """What a run left beside its input and output."""
    return sorted(x.name for x in Path.cwd().iterdir() if "partial" in x.name or x.name[0] == ".")
