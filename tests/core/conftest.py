"""Fixtures of the core's tests."""

from pathlib import Path

import pytest

from config_texts import Write


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes `c.yaml` into the working directory, so that messages are the same everywhere."""
    monkeypatch.chdir(tmp_path)

    def write(content: str | bytes) -> Path:
        path = Path("c.yaml")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
