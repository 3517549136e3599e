"""The description of a run: its settings, its data, and the state of the code."""

import subprocess
from pathlib import Path

import pytest

from newsstand.config.loader import load_config
from newsstand.train.report.description import (
    changed_settings,
    data_name,
    describe_run,
    family_summary,
    git_commit,
)
from quick_run import CONFIG

ROOT = Path(__file__).parents[2]


def test_settings_are_those_that_differ_from_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "q.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    overrides = ["data.labels={a: b}", "model.fields.title=0", "data.split.strategy=stratified"]
    assert changed_settings(load_config(path, overrides)) == {
        "task": "topic",
        "labels": "from-data",
        "data.format": "table",
        "data.labels": "{a: b}",
        "model.kind": "linear",
        "model.words": "[1, 1]",
        "model.bits": "12",
        "model.C": "10.0",
    }


@pytest.mark.parametrize(
    ("name", "overrides", "expected"),
    [
        ("topic-linear", [], "the embedded corpus of newsstand"),
        ("stance-public", [], "corpus, vast, argkp, iam, ibm-claims"),
        ("benchmarks/r8-linear", ["data.path=/some/where/r8"], "r8"),
    ],
)
def test_data_have_a_name(name: str, overrides: list[str], expected: str) -> None:
    assert data_name(load_config(ROOT / "configs" / f"{name}.yaml", overrides)) == expected


def test_a_run_is_described_by_its_config() -> None:
    config = load_config(ROOT / "configs/stance.yaml")
    about = describe_run(
        config, name="x", digest="d", sizes={"train": 3}, splits="s", bundle_hash="b"
    )
    assert about.encoder == "sentence-transformers/all-MiniLM-L6-v2"
    assert about.summary == family_summary("embedding")
    assert about.registered_as == config.tracking.register_as
    assert about.day == about.date[:10]


def test_the_commit_says_whether_files_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_commit() is None

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        done = subprocess.run(
            ["git", *identity, *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init")
    Path("a").write_text("1")
    git("add", "a")
    git("commit", "-m", "one")
    commit = git("rev-parse", "HEAD")[:12]
    assert git_commit() == commit
    Path("a").write_text("2")
    assert git_commit() == f"{commit}+changes"
    monkeypatch.setenv("PATH", "")
    assert git_commit() is None
