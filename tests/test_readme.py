"""Runs the commands and examples of the README and of docs/, and compares what they print."""

import json
import os
import re
import shlex
import shutil
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
from ruamel.yaml import YAML

from given import Cli
from newsstand.cli.main import main
from newsstand.config.loader import load_config
from newsstand.data.readers import formats
from newsstand.train.sweep.spec import load_sweep

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
DOCS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
# Experiments quote commands of former versions; the other two are generated.
PAGES = [
    "README.md",
    *sorted({*DOCS} - {"docs/experiments.md", "docs/config.md", "docs/bench-linear.md"}),
]
# Commands that are not run here, by their beginning, and why.
NOT_RUN = {
    "make test": "runs this test",
    "make train-large": "takes half an hour",
    "mlflow models serve": "a server; tests/serve/test_served_model.py has it",
    "newsstand sweep": "takes minutes; tests/train/test_sweep.py has shorter ones",
    "newsstand train CONFIG --resume": "an interrupted run; tests/train/test_fine_tune.py has it",
    "newsstand train configs/stance-public.yaml": "needs four public data sets",
    "newsstand train stance-nli.yaml": "needs the network; tests/train/test_entailment.py has it",
    "pip install": "needs the network",
    "python tests/bench/": "takes minutes to hours, on public data",
    "torchrun": "several processes; tests/train/test_processes.py has them",
}
# Overrides with which the configs train in seconds.
QUICK = {
    "configs/topic.yaml": ["model.max_tokens=16"],
    "configs/stance.yaml": [
        "model.max_tokens=16",
        "model.fine_tune.epoch_texts=64",
        "tracking.alias_force=too few steps to pass the controls",
    ],
    "my-articles.yaml": ["model.max_tokens=16", "export.onnx=null"],
}


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE)


def commands(page: str) -> Iterator[tuple[str, str]]:
    """Each command of a page with the output shown below it."""
    for block in blocks(page, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def examples(page: str) -> list[tuple[str, str | None]]:
    """Each Python block of a page with the output shown directly below it."""
    pattern = r"^```python\n(.*?)^```(?:\n+```text\n(.*?)^```)?"
    found = re.finditer(pattern, text_of(page), re.DOTALL | re.MULTILINE)
    return [(match[1], match[2]) for match in found]


def masked(text: str) -> list[str]:
    """Lines without what differs between runs: digits, ids, paths, widths, predicted stances."""
    text = re.sub(r"│ (favor|against|neutral) +│", "│ STANCE │", text)
    text = re.sub(r"\b[0-9a-f]{32,64}\b", "ID", text)
    text = re.sub(r"(?<!\S)/\S+", "PATH", text)
    text = re.sub(r"\d+(,\d{3})*(\.\d+)?", "0", text)
    lines = (re.sub(r"[\s━─]+", " ", line).strip() for line in text.splitlines())
    # A path; what a part of the corpus may have none of; and lines that are left out.
    return [x for x in lines if x and not x.startswith(("bundle", "copies", "…"))]


def write_stand_ins(folder: Path) -> None:
    """Writes small files in place of a reader's own and of public data."""
    who = {
        "sport": ("striker", "keeper", "coach", "referee", "captain"),
        "economy": ("bank", "exchange", "treasury", "lender", "broker"),
    }
    did = {
        "sport": ("scored twice", "saved a penalty", "won the final", "lost the match"),
        "economy": ("raised rates", "sold shares", "cut its forecast", "paid a dividend"),
    }
    texts = [
        (label, f"{day}: the {name} {action}")
        for day in ("Monday", "Tuesday", "Thursday", "Friday")
        for label in who
        for name in who[label]
        for action in did[label]
    ]
    rows = "".join(f"{label},{text}.\n" for label, text in texts)
    (folder / "my-articles.csv").write_text(f"label,body\n{rows}")
    (folder / "new.jsonl").write_text(
        '{"id": "a1", "body": "The keeper saved twice.", "outlet": "Post", '
        '"published": "2024-05-03"}\n'
    )
    cells = "".join(f"“{text}”,{label}\n" for label, text in texts)
    cells = cells.replace("sport", "Sport", 1)  # a label in two spellings
    (folder / "news.csv").write_bytes(f"Article text,Category\n{cells}".encode("cp1252"))
    (folder / "topic.yaml").write_text(
        "task: topic\nlabels: from-data\ndata: {format: table}\nmodel: {kind: linear}\n"
        "tracking: {experiment: news}\n"
    )
    labels = ("acq", "crude", "earn", "grain", "interest", "money-fx", "ship", "trade")
    lines = [f"{label}\tnews of {label} on day {day}\n" for label in labels for day in range(10)]
    answers = [
        {"completed_by": 1, "result": [{"from_name": "label", "value": {"choices": [label]}}]}
        for label, _ in texts
    ]
    answers[0] = {"was_cancelled": True, "result": []}
    tasks = [
        {"id": number, "data": {"body": text, "title": ""}, "annotations": [answer]}
        for number, ((_, text), answer) in enumerate(zip(texts, answers, strict=True))
    ]
    (folder / "export.json").write_text(json.dumps(tasks))
    (folder / "r8").mkdir()
    (folder / "r8" / "train.txt").write_text("".join(lines))
    (folder / "r8" / "test.txt").write_text("".join(lines[::5]))
    for target in ("atheism", "climate"):
        stances = folder / "semeval-2016" / target
        stances.mkdir(parents=True)
        (stances / "mapping.txt").write_text("0\tnone\n1\tagainst\n2\tfavor\n")
        for split in ("train", "val", "test"):
            kinds = ("none", "no", "yes") * 6
            tweets = [f"{kind} of {target} {n}\n" for n, kind in enumerate(kinds)]
            (stances / f"{split}_text.txt").write_text("".join(tweets))
            (stances / f"{split}_labels.txt").write_text("0\n1\n2\n" * 6)


def made_by(target: str) -> list[list[str]]:
    """The commands of the environment that a make target runs."""
    plan = subprocess.run(
        ["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = plan.stdout.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if ".venv/bin/" in line]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A reader's folder after `make train`, whose commands run with quick settings."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("configs", "docs"):
        (folder / name).symlink_to(ROOT / name)
    write_stand_ins(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        # Installation aside, which would not end inside a test.
        made = [words for words in made_by("train") if Path(words[0]).name == "newsstand"]
        assert {words[1] for words in made} == {"train", "score"}
        for words in made:
            quick = QUICK[words[2]] if words[1] == "train" else []
            patch.setattr(sys, "argv", [*words, *quick])
            with pytest.raises(SystemExit) as ended:
                main()
            assert not ended.value.code, words
        yield folder


def opens(folder: Path) -> None:
    """Starts the MLflow UI on a free port and reads its first page."""
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


def runs(command: str, output: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a command of newsstand with quick settings; its output must have the lines shown."""
    words = shlex.split(command, comments=True)
    assert words[0] == "newsstand", f"no way to run it: {command}"
    if words[1] == "init":
        words.append("--force")  # several pages begin with it
    if words[1] == "train":
        words += QUICK.get(words[2], [])
        if words[2].startswith("configs/") and "tracking.alias" not in command:
            words.append("tracking.alias=null")  # the models of `make train` stay champions
    with monkeypatch.context() as patch:
        if words[1:3] == ["check", "configs/topic-linear.yaml"]:  # quotes articles of the corpus
            patch.setattr(formats, "CORPUS", Path(formats.__file__).parents[1] / "corpus")
        if words[1] == "relocate":
            patch.chdir(shutil.copytree(Path.cwd(), Path.cwd().parent / "copy", symlinks=True))
        done = cli(*words[1:])
    refused = output.startswith("newsstand: ")
    assert done.code == (2 if refused else 0), (command, done.out, done.err)
    printed = masked(done.err + done.out)
    assert [line for line in masked(output) if line not in printed] == [], (command, printed)


@pytest.mark.parametrize("page", [page for page in PAGES if list(commands(page))])
def test_commands_print_what_the_page_shows(
    page: str, desk: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command, output in commands(page):
        if command.startswith("make "):
            assert made_by(command.removeprefix("make ")), command
        elif command == "mlflow ui":
            opens(desk)
        elif not command.startswith(tuple(NOT_RUN)):
            runs(command, output, cli, monkeypatch)


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page)])
def test_python_examples_print_what_the_page_shows(page: str, desk: Path, tmp_path: Path) -> None:
    folder = tmp_path if page == "README.md" else desk  # the README's runs in any folder
    found = examples(page)
    script = "\nprint('\\f')\n".join(code for code, _ in found)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    printed = done.stdout.split("\f\n")
    for (code, output), came in zip(found, printed, strict=True):
        assert output is None or masked(came) == masked(output), code


def test_what_is_not_run_is_there() -> None:
    shown = [command for page in PAGES for command, _ in commands(page)]
    assert [x for x in NOT_RUN if not any(command.startswith(x) for command in shown)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")])
def test_settings_are_valid(page: str, tmp_path: Path) -> None:
    (tmp_path / "topic-linear.yaml").symlink_to(ROOT / "configs/topic-linear.yaml")
    for number, block in enumerate(blocks(page, "yaml")):
        if "search" in YAML(typ="safe").load(block):
            (tmp_path / "sweeps").mkdir()
            path = tmp_path / "sweeps" / f"{number}.yaml"
            path.write_text(block, encoding="utf-8")
            load_sweep(path)
            continue
        task = "stance" if "target" in block else "topic"
        rest = {
            "task": f"task: {task}",
            "labels": "labels: from-data",
            "data": "data: {format: table, path: x.csv}",
            "model": "model: {kind: linear}",
            "tracking": "tracking: {experiment: x}",
        }
        given = YAML(typ="safe").load(block)
        lines = [line for key, line in rest.items() if key not in given]
        path = tmp_path / f"{number}.yaml"
        path.write_text("\n".join([*lines, block]), encoding="utf-8")
        load_config(path)


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", *PAGES])
def test_files_that_are_named_exist(page: str) -> None:
    rooms = "configs|data|docs|newsstand|serve|tests|train"
    named = re.findall(rf"(?<![\w/-])(?:{rooms})/[\w./-]+\.(?:yaml|py|txt)", text_of(page))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_map_of_the_tree_has_every_package() -> None:
    shown = set(re.findall(r"^\| `([\w/]+)/` \|", text_of("CONTRIBUTING.md"), re.MULTILINE))
    packages = {
        path.parent.relative_to(ROOT).as_posix()
        for room in ("newsstand", "data", "train", "serve")
        for path in (ROOT / room).rglob("__init__.py")
    }
    assert packages - shown == set()
    assert [folder for folder in shown if not (ROOT / folder).is_dir()] == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *DOCS])
def test_links_lead_somewhere(page: str) -> None:
    missing = []
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text_of(page)):
        name, _, anchor = link.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            missing.append(link)
    assert missing == []


def test_the_readme_is_short_and_links_every_page() -> None:
    lines = text_of("README.md").splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 100] == []
    assert [page for page in DOCS if f"]({page})" not in text_of("README.md")] == []
