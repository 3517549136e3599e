"""`newsstand score -o OUT`: interrupted runs, and the progress of a run."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from rich.console import Console

from command_line import SPORT, environment
from given import Cli
from newsstand.cli.progress import ScoringProgress
from newsstand.io.bundle import Bundle
from newsstand.io.files import claimed
from newsstand.serve import output as module
from newsstand.serve.output_journal import Journal
from newsstand.serve.scorer import load
from score_tables import left, read_jsonl, rows, write_jsonl


@pytest.fixture
def topic(folder: Path, small: Bundle) -> str:
    small.save(folder / "topic")
    return "topic"


class Killed(BaseException):
    """In place of a signal."""


def killed_after(monkeypatch: pytest.MonkeyPatch, cli: Cli, commits: int, *arguments: str) -> None:
    """Runs a command that ends while it writes rows behind a number of journal entries."""
    commit = Journal.commit
    seen: list[int] = []

    def counting(self: Journal, kinds: dict[str, str]) -> None:
        if len(seen) == commits:
            self._output.write(b'{"half": ')
            raise Killed
        seen.append(1)
        commit(self, kinds)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "commit", counting)
        patch.setattr(module, "_SECONDS", 0.0)
        with pytest.raises(Killed):
            cli(*arguments)
    assert left() == [f"{arguments[-1]}.partial"]


@pytest.mark.parametrize("output", ["o.jsonl", "o.csv", "o.parquet"])
def test_an_interrupted_run_is_resumed_without_loss_or_repeats(
    cli: Cli, topic: str, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    many = rows(900)
    many[300]["body"] = many[800]["body"] = 1
    many[850]["late"] = "a column of few rows"
    write_jsonl("a.jsonl", many)
    command = ("score", "--model", topic, "a.jsonl", "-o")
    cli(*command, f"whole-{output}")
    killed_after(monkeypatch, cli, 2, *command, output)
    assert not Path(output).exists()
    refused = cli(*command, output)
    assert refused.code == 2
    assert "an interrupted run has 512 rows; continue it with --resume, or delete" in refused.err
    done = cli("score", "--resume", *command[1:], output)
    assert (done.code, done.out) == (3, f"{output}: 898 scored, 2 rejected\n")
    for name in (output, f"{output}.rejected.jsonl"):
        assert Path(name).read_bytes() == Path(f"whole-{name}").read_bytes()
    assert left() == []
    assert cli("score", "--resume", *command[1:], output).code == 3  # nothing to resume: from 0
    assert Path(output).read_bytes() == Path(f"whole-{output}").read_bytes()


def test_a_run_is_not_resumed_with_another_input_model_or_option(
    cli: Cli, topic: str, monkeypatch: pytest.MonkeyPatch, small_stance: Bundle
) -> None:
    write_jsonl("a.jsonl", rows(600))
    killed_after(monkeypatch, cli, 1, "score", "--model", topic, "a.jsonl", "-o", "o.jsonl")
    kept = {path.name: path.read_bytes() for path in Path("o.jsonl.partial").iterdir()}
    again = ("score", "--model", topic, "--resume", "-o", "o.jsonl")

    def refused(*arguments: str) -> str:
        done = cli(*again, *arguments)
        assert done.code == 2
        return done.err

    assert "--explain: not as before since the run that" in refused("a.jsonl", "--explain")
    assert "the input files are not as before" in refused("a.jsonl", "a.jsonl")
    write_jsonl("a.jsonl", rows(601))
    assert "--resume: a.jsonl: changed since the run that o.jsonl.partial is of" in refused(
        "a.jsonl"
    )
    write_jsonl("a.jsonl", rows(600))
    Path("topic").rename("other")
    small_stance.save(Path("topic"))
    assert "the model has changed since" in refused("a.jsonl")
    assert {path.name: path.read_bytes() for path in Path("o.jsonl.partial").iterdir()} == kept
    Path("o.jsonl.partial/rows.jsonl").write_text("")
    Path("topic").rename("stance")
    Path("other").rename("topic")
    assert "rows.jsonl: shorter than its journal says; delete" in refused("a.jsonl")


# The command with an entry of its journal for each 256 rows.
EAGER = "from newsstand.cli.main import main; from newsstand.serve import output; "
EAGER += "output._SECONDS = 0.0; main()"


def test_killed_and_resumed_with_workers(topic: str, cli: Cli) -> None:
    write_jsonl("a.jsonl", rows(5000))
    options = ["score", "--model", topic, "a.jsonl", "--workers", "2", "-o", "o.jsonl"]
    command = [sys.executable, "-c", EAGER, *options]
    process = subprocess.Popen(command, env=environment(), start_new_session=True)
    journal = Path("o.jsonl.partial/journal.jsonl")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if journal.exists() and journal.read_bytes().count(b"\n") > 2:
            break
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not Path("o.jsonl").exists()
    assert cli(*options, "--resume").code == 0
    cli("score", "--model", topic, "a.jsonl", "-o", "whole.jsonl")
    assert Path("o.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()
    assert len(read_jsonl("o.jsonl")) == 5000


def test_a_run_that_ends_while_it_cleans_up_is_resumed(
    cli: Cli, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl("a.jsonl", rows(3))
    command = ("score", "--model", topic, "a.jsonl", "-o", "o.csv")

    def fail(_: Path) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, "delete_journal", fail)
        with pytest.raises(Killed):
            cli(*command)
    before = Path("o.csv").read_bytes()
    assert cli(*command, "--resume").out == "o.csv: 3 scored, 0 rejected\n"
    assert Path("o.csv").read_bytes() == before
    assert left() == []


def test_one_process_writes_an_output(cli: Cli, topic: str) -> None:
    write_jsonl("a.jsonl", rows(1))
    Path("o.csv.partial").mkdir()
    with claimed(Path("o.csv.partial")) as free:
        assert free
        done = cli("score", "--model", topic, "a.jsonl", "-o", "o.csv")
    assert (done.code, done.err) == (
        2,
        "newsstand: o.csv.partial: another process is writing this output\n",
    )


def test_the_share_of_the_input_grows_to_the_whole(folder: Path, topic: str) -> None:
    write_jsonl("a.jsonl", rows(20))
    Path("b.txt").write_text(SPORT)
    Path("c.csv").write_text("body\n" + f'"{SPORT}\nmore"\n' * 10)
    parquet.write_table(pa.table({"body": [SPORT] * 5}), "d.parquet")
    seen: list[tuple[int, float | None]] = []
    names = ["a.jsonl", "b.txt", "c.csv", "d.parquet"]
    module.score_to_file(
        load(topic),
        names,
        Path("o.jsonl"),
        module.OutputOptions(),
        lambda done, share: seen.append((done, share)),
    )
    shares = [share for _, share in seen if share is not None]
    assert [done for done, _ in seen] == list(range(1, 37))
    assert len(shares) == 36
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] == 1.0


def test_progress_shows_the_rate_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("newsstand.cli.progress.time.monotonic", lambda: now[0])
    shown = ScoringProgress(Console(file=io.StringIO()))
    shown.scored(1000, 0.5)  # a resumed run
    now[0] += 10
    shown.scored(3000, 0.6)
    assert shown._status == "3,000 articles, 200/s, 0:00:40 left"
    now[0] += 10
    shown.scored(4000, None)
    assert shown._status == "4,000 articles, 150/s"
