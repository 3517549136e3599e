"""The install: found by type checkers and from any folder; scoring without training libraries."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import newsstand
from newsstand.encoders.torch_encoder import Encoder
from newsstand.io.bundle import Bundle
from newsstand.models.embedding import EmbeddingModel

ROOT = Path(__file__).parent.parent
TRAINING = (
    *("sklearn", "torch", "transformers", "datasets", "mlflow", "pandas", "pyarrow"),
    *("matplotlib", "optuna", "trafilatura", "lxml"),
)
WITHOUT = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {TRAINING}:
            raise ModuleNotFoundError(f"No module named '{{name}}'", name=name)

sys.meta_path.insert(0, Absent())
"""


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )


def test_importing_newsstand_costs_next_to_nothing(tmp_path: Path) -> None:
    code = "import newsstand, sys; print(*sorted({x.partition('.')[0] for x in sys.modules}))"
    done = python(f"{code}; newsstand.__version__; dir(newsstand)", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    loaded = set(done.stdout.split())
    assert "newsstand" in loaded
    assert not loaded & {"numpy", "scipy", "pydantic", "typer", "rich", "ruamel", *TRAINING}


def write_files(folder: Path) -> None:
    """An article of each kind, and a config."""
    (folder / "a.txt").write_text("The goalkeeper saved a penalty in the match.")
    (folder / "a.html").write_text("<h1>Final</h1><p>The goalkeeper saved a penalty.</p>")
    (folder / "a.csv").write_text("body,target\nIt is cheap.,the levy\n")
    (folder / "a.parquet").write_bytes(b"PAR1")
    (folder / "c.yaml").write_text(
        "task: topic\nlabels: from-data\ndata: {format: table, path: x}\n"
        "model: {kind: linear}\ntracking: {experiment: x}\n"
    )


def test_scoring_needs_no_training_library(
    small: Bundle, small_stance: Bundle, tiny_encoder: Path, tmp_path: Path
) -> None:
    small.save(tmp_path / "topic", [(newsstand.Article(body="The coach."), None)])
    small_stance.save(tmp_path / "stance")
    encoder = Encoder.open(tiny_encoder, max_tokens=16, device="cpu")
    zeros = np.zeros((encoder.width, 3), np.float32), np.zeros(3, np.float32)
    replace(small, model=EmbeddingModel(encoder, *zeros)).save(tmp_path / "embedding")
    write_files(tmp_path)
    commands = [
        "score --model topic --explain --format table a.txt",
        "score --model topic a.html",
        "score --model stance a.csv",
        "verify topic",
        "config c.yaml",
        "config --schema",
        "score --model topic a.parquet",
        "score --model models:/nobody@champion a.txt",
        "score --model embedding a.txt",
        "train c.yaml",
        "data c.yaml",
        "check c.yaml",
    ]
    done = python(
        f"""{WITHOUT}
import json, newsstand
score = newsstand.load("topic").score("The goalkeeper saved a penalty.", explain=True)
[stance] = newsstand.load("stance").score_many(["It is cheap."], target="the levy")
print(score.label, bool(score.evidence), stance.label, file=sys.stderr)
from newsstand.cli.main import main
codes = []
for command in {commands}:
    sys.argv = ["newsstand", *command.split()]
    try:
        main()
    except SystemExit as ended:
        codes.append(ended.code)
print(json.dumps(codes), file=sys.stderr)
""",
        tmp_path,
    )
    assert done.returncode == 0
    assert "goalkeeper" in done.stdout
    assert '"label": "favor"' in done.stdout
    first, *messages, codes = done.stderr.splitlines()
    assert first == "sport True favor"
    assert json.loads(codes) == [0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2]
    assert messages == [
        "newsstand: a.parquet: reading Parquet needs pyarrow: pip install 'newsstand[parquet]'",
        "newsstand: 0 scored, 1 failed",
        "newsstand: models:/nobody@champion: needs MLflow (pip install mlflow); "
        "a bundle folder does not",
        "newsstand: encoders need torch and transformers: pip install 'newsstand[encoder]'",
        "newsstand: this needs pyarrow: pip install 'newsstand[train]'",
        *["newsstand: this needs datasets: pip install 'newsstand[train]'"] * 2,
    ]


USER_SCRIPT = """\
import newsstand
from newsstand.data.checks.findings import Finding

scorer = newsstand.load("bundle")
score = scorer.score("The coach.")
reveal_type(scorer)
reveal_type(score.probability)
scorer.scores("The coach.")
Finding.wrong
"""


def test_a_type_checker_finds_the_types(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(USER_SCRIPT)
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nfollow_imports = skip\n[mypy-newsstand.*]\nfollow_imports = normal\n"
    )
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), "user.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[:-1] == [
        'user.py:6: note: Revealed type is "newsstand.serve.scorer.Scorer"',
        'user.py:7: note: Revealed type is "float"',
        'user.py:8: error: "Scorer" has no attribute "scores"; maybe "score"?  [attr-defined]',
        'user.py:9: error: "type[Finding]" has no attribute "wrong"  [attr-defined]',
    ]


@pytest.mark.parametrize("folder", [".", "newsstand"])
def test_newsstand_is_imported_whole_from_a_clone_and_from_the_folder_above(
    folder: str, tmp_path: Path
) -> None:
    # A clone is named newsstand, and has a folder of that name without the other packages.
    (tmp_path / "newsstand").symlink_to(ROOT)
    code = "import newsstand, newsstand.data.checks.findings; print(newsstand.load.__module__)"
    done = python(code, tmp_path / folder)
    assert (done.stdout.strip(), done.stderr) == ("newsstand.serve.scorer", "")


def test_the_list_of_source_files_changes_only_with_the_set_of_files(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("newsstand/io", "data/corpus", "train", "serve"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "newsstand/io/old.py").touch()
    listed = tmp_path / "build/sources.txt"

    def changed() -> bool:
        before = listed.stat().st_mtime_ns if listed.exists() else None
        subprocess.run(["make", "-s", "build/sources.txt"], cwd=tmp_path, check=True)
        return listed.stat().st_mtime_ns != before

    assert changed()
    assert not changed()
    (tmp_path / "newsstand/io/old.py").write_text("edited = True")
    (tmp_path / "newsstand/io/notes.swp").touch()
    assert not changed()
    (tmp_path / "newsstand/io/old.py").rename(tmp_path / "serve/moved.py")
    assert changed()
    (tmp_path / "data/corpus/rows.jsonl").touch()
    assert changed()
    assert listed.read_text().splitlines() == ["data/corpus/rows.jsonl", "serve/moved.py"]
