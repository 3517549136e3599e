"""The commands and what they keep: damaged caches are said on stderr, a report is whole or old."""

from pathlib import Path

import datasets
import pytest

from given import Cli
from newsstand.data.checks import report

ROWS = "label,body\n" + "".join(
    f"{label},{word} fell on day {day} in the city\n"
    for label, word in (("weather", "Rain"), ("economy", "Shares"))
    for day in range(30)
)
CONFIG = """
task: topic
data: {format: table, path: rows.csv}
labels: from-data
model: {kind: linear}
tracking: {experiment: e}
"""


@pytest.fixture
def made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(folder / "cache"))
    (folder / "rows.csv").write_text(ROWS)
    (folder / "t.yaml").write_text(CONFIG)
    return folder


def test_a_damaged_cache_is_said_and_prepared_again(made: Path, cli: Cli) -> None:
    first = cli("data", "t.yaml", "--json")
    assert first.code == 0, first.err
    [meta] = (made / "cache").rglob("meta.json")
    meta.write_text("")
    again = cli("data", "t.yaml", "--json")
    assert (again.code, again.out) == (0, first.out)
    said = [line for line in again.err.splitlines() if line.startswith("newsstand: ")]
    assert said == [f"newsstand: {meta.parent}: damaged (meta.json: size); prepared again"]
    assert "newsstand: " not in cli("data", "t.yaml").err
    root = meta.parent.parent
    assert [path.stat().st_mode & 0o777 for path in (root, meta.parent)] == [0o700, 0o700]


def test_a_report_that_fails_leaves_the_one_before(
    made: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = made / "page.html"
    assert cli("check", "t.yaml", "--html", page).code in (0, 1)
    before = page.read_text()
    assert before.endswith("</html>\n")
    monkeypatch.setattr("os.fsync", full)
    monkeypatch.setattr(report, "html", lambda *_, **__: "x")
    done = cli("check", "t.yaml", "--html", page)
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        f"newsstand: {page}: No space left on device",
    )
    assert page.read_text() == before
    assert sorted(path.name for path in made.iterdir()) == [
        "cache", "page.html", "rows.csv", "t.yaml"
    ]  # fmt: skip


def full(_: int) -> None:
    raise OSError(28, "No space left on device")
