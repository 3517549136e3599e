"""Runs every command and example of the README, and compares what it shows with what comes."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from given import Cli
from newsstand.config.loader import load_config
from newsstand.data.readers import formats

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


def shown(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> Iterator[tuple[str, str]]:
    """Each command of the README with the output shown below it."""
    for block in shown("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def masked(text: str) -> list[str]:
    """Lines without what differs from run to run: digits, ids, places, width, stances."""
    text = re.sub(r"│ (favor|against|neutral) +│", "│ STANCE │", text)
    text = re.sub(r"\b[0-9a-f]{32,64}\b", "ID", text)
    text = re.sub(r"\d+(,\d{3})*(\.\d+)?", "0", text)
    lines = (re.sub(r"[\s━─]+", " ", line).strip() for line in text.splitlines())
    # A path; and what a part of the corpus may have none of.
    return [line for line in lines if line and not line.startswith(("bundle", "copies"))]


# Of what `make train` trains: with these, it takes seconds.
QUICK = {
    "topic": ["model.max_tokens=16"],
    "stance": ["model.max_tokens=16", "model.fine_tune.epoch_texts=64"],
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader of the README has it, with small stand-ins for public data."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("configs", "docs"):
        (folder / name).symlink_to(ROOT / name)
    rows = [("economy", "Wheat and rye fell on the exchange"), ("sport", "The keeper saved twice")]
    articles = [f"{label},{text} on day {day}\n" for day in range(20) for label, text in rows]
    (folder / "my-articles.csv").write_text("label,body\n" + "".join(articles))
    labels = ("acq", "crude", "earn", "grain", "interest", "money-fx", "ship", "trade")
    lines = [f"{label}\tnews of {label} on day {day}\n" for label in labels for day in range(10)]
    (folder / "r8").mkdir()
    (folder / "r8" / "train.txt").write_text("".join(lines))
    (folder / "r8" / "test.txt").write_text("".join(lines[::5]))
    stances = folder / "semeval-2016"
    for target in ("atheism", "climate"):
        (stances / target).mkdir(parents=True)
        (stances / target / "mapping.txt").write_text("0\tnone\n1\tagainst\n2\tfavor\n")
        for split in ("train", "val", "test"):
            kinds = ("none", "no", "yes") * 6
            texts = [f"{kind} of {target} {n}\n" for n, kind in enumerate(kinds)]
            (stances / target / f"{split}_text.txt").write_text("".join(texts))
            (stances / target / f"{split}_labels.txt").write_text("0\n1\n2\n" * 6)
    return folder


def made_by(target: str) -> list[list[str]]:
    """The commands of the environment that a make target runs."""
    plan = subprocess.run(
        ["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = plan.stdout.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if ".venv/bin/" in line]


def opens(folder: Path) -> None:
    """Starts the MLflow UI as the README does, on a free port, and looks at its first page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [str(BIN / "mlflow"), "ui", "--port", str(port)],
        cwd=folder,
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{port}/") as page:
                    assert "MLflow" in page.read().decode()
                return
            except URLError:
                assert time.monotonic() < deadline, "the MLflow UI did not answer"
                time.sleep(0.3)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def test_every_command_runs_and_shows_what_the_readme_shows(
    desk: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    found = list(commands())
    assert len(found) >= 8
    for command, output in found:
        words = shlex.split(command)
        if words[0] == "make":
            # Installing and testing inside a test would not end; what else the targets do runs.
            for made in made_by(words[1]) if words[1] == "train" else ():
                if Path(made[0]).name == "newsstand":
                    # On all of the corpus, training would take minutes.
                    quick = QUICK[Path(made[2]).stem] if made[1] == "train" else ()
                    done = cli(*made[1:], *quick)
                    assert done.code == 0, (made, done.err)
            assert made_by(words[1]), command
        elif words == ["mlflow", "ui"]:
            opens(desk)
        else:
            if words[1] == "train" and "tracking.alias" not in command:
                words.append("tracking.alias=null")  # what `make train` made stays the champion
            with monkeypatch.context() as patch:
                if words[1] == "check":  # it shows articles, of all there are
                    patch.setattr(formats, "CORPUS", ROOT / "data" / "corpus")
                done = cli(*words[1:])
            wrong = "newsstand: " in output
            assert done.code == (2 if wrong else 0), (command, done.err)
            came = masked(done.err + done.out)
            assert [line for line in masked(output) if line not in came] == [], command


def test_the_python_example_prints_what_the_readme_shows(desk: Path) -> None:
    (example,) = shown("python")
    (output,) = shown("text")
    env = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=desk, env=env, capture_output=True, text=True
    )
    assert masked(done.stdout) == masked(output), done.stderr


def test_links_and_pictures_are_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_settings_shown_are_settings(tmp_path: Path) -> None:
    found = shown("yaml")
    assert found
    for number, block in enumerate(found):
        path = tmp_path / f"{number}.yaml"
        rest = "task: topic\nlabels: from-data\nmodel: {kind: linear}\ntracking: {experiment: x}\n"
        path.write_text(rest + block, encoding="utf-8")
        load_config(path)
