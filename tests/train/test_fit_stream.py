"""The streaming fit: as good as the solvers in memory, and the same after any interruption."""

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from newsstand.data.sealed import save_arrays
from newsstand.errors import DataError
from newsstand.features.weighting import FeatureSpec, count
from newsstand.models.linear import LinearModel
from newsstand.text.example import Example
from newsstand.train.families.linear_solver import fit_linear
from newsstand.train.families.sgd import fit_stream
from newsstand.train.fit_checkpoint import FitCheckpoints

WORDS = [
    ["striker", "goal", "match", "referee", "penalty", "coach", "keeper"],
    ["shares", "bank", "bonds", "dividend", "profit", "market", "rate"],
    ["rain", "snow", "storm", "wind", "cloud", "forecast", "frost"],
]
COMMON = ["the", "a", "of", "on", "said", "will", "after", "new", "city", "people", "week"]
SPEC = FeatureSpec(words=(1, 2), bits=12)
# A thousand rows are many groups; saved after each, in one process.
SMALL: dict[str, Any] = {"block": 32, "shuffled": 4, "saved_every": 0.0, "workers": 1}


def rows(count: int, seed: int = 0, labels: int = 3) -> tuple[list[Example], NDArray[np.int64]]:
    """Rows sorted by label, as files often are, of which a tenth is mislabelled."""
    random = np.random.default_rng(seed)
    truth = np.sort(random.integers(0, labels, count))
    shown = np.where(random.random(count) < 0.1, random.integers(0, labels, count), truth)
    texts = [
        " ".join([*random.choice(WORDS[label], 2), *random.choice(COMMON, 8)])
        for label in shown.tolist()
    ]
    return [Example.of_prepared("", text, None) for text in texts], truth


def fit(
    examples: Sequence[Example], truth: NDArray[np.int64], file: Path, **settings: Any
) -> LinearModel:
    usual: dict[str, Any] = {"spec": SPEC, "C": 1.0, "epochs": 3, "seed": 5}
    weights = settings.pop("weights", np.ones(len(truth)))
    return fit_stream(examples, truth, weights, file=file, **{**usual, **settings})


def accuracy(model: LinearModel, examples: list[Example], truth: NDArray[np.int64]) -> float:
    return float(np.mean(model.forward(examples).argmax(axis=1) == truth))


def same(first: LinearModel, second: LinearModel) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("coefficients", "intercepts")
    )


@pytest.mark.parametrize("labels", [2, 3])
def test_it_is_as_good_as_a_solver_that_converges(tmp_path: Path, labels: int) -> None:
    examples, truth = rows(1200, labels=labels)
    unseen, expected = rows(600, seed=1, labels=labels)
    solver = fit_linear(
        count(SPEC, examples), truth, spec=SPEC, classifier="svc", C=1.0, class_weight=None, seed=0
    )
    streamed = fit(examples, truth, tmp_path / "fit", **SMALL)
    assert streamed.coefficients.shape == solver.coefficients.shape
    reached = accuracy(solver, unseen, expected)
    assert reached > 0.85
    assert accuracy(streamed, unseen, expected) > reached - 0.01


def test_it_overfits_a_few_rows(tmp_path: Path) -> None:
    examples, _ = rows(24)
    truth = np.repeat([0, 1, 2], 8)
    model = fit(examples, truth, tmp_path / "fit", epochs=None, C=100.0)
    assert accuracy(model, examples, truth) == 1.0


def test_weights_depend_on_the_seed_and_not_on_processes(tmp_path: Path) -> None:
    examples, truth = rows(600)
    blocks = {"block": 100, "shuffled": 2}
    # All in this process, then in two others.
    one, two = (
        fit(examples, truth, tmp_path / f"{workers}", workers=workers, **blocks)
        for workers in (1, 2)
    )
    assert same(one, two)
    other = fit(examples, truth, tmp_path / "other", seed=6, **blocks)
    assert not same(one, other)


def test_sample_weights_change_the_scores(tmp_path: Path) -> None:
    # The same words for both labels: only what the rows weigh can decide.
    examples = [Example.of_prepared("", "rain on the coast", None)] * 100
    truth = np.repeat([0, 1], [80, 20])
    gaps = []
    for heavy in (1.0, 20.0):
        weights = np.where(truth == 1, heavy, 1.0)
        model = fit(examples, truth, tmp_path / f"{heavy}", weights=weights, **SMALL)
        scores = model.forward(examples[:1])[0]
        gaps.append(scores[1] - scores[0])
    assert gaps[0] < 0 < gaps[1]


class StoppedError(Exception):
    pass


def stop_at(step: int) -> Callable[[str, int, int | None], None]:
    seen = 0

    def progress(stage: str, done: int, total: int | None) -> None:
        nonlocal seen
        seen += 1
        assert total is not None
        assert 0 < done <= total
        if seen == step:
            raise StoppedError

    return progress


@pytest.mark.parametrize("block", [32, 4096])  # many groups; all rows in one
def test_an_interrupted_fit_resumes_to_the_same_weights(tmp_path: Path, block: int) -> None:
    examples, truth = rows(700)
    settings = SMALL | {"block": block}
    whole = fit(examples, truth, tmp_path / "whole", **settings)
    file = tmp_path / "fit"
    stops = 0
    for step in (1, 3, 2, 9, 1, 5, 7, 12, 1, 1, 8):
        try:
            model = fit(examples, truth, file, progress=stop_at(step), **settings)
            break
        except StoppedError:
            stops += 1
            assert file.exists()
    else:
        model = fit(examples, truth, file, **settings)
    assert stops >= 2
    assert same(model, whole)


def test_a_resumed_fit_does_not_start_over(tmp_path: Path) -> None:
    examples, truth = rows(700)
    file = tmp_path / "fit"
    with pytest.raises(StoppedError):
        fit(
            examples, truth, file, progress=stop_at(30), **SMALL
        )  # 22 blocks counted, 8 groups fitted
    done: list[int] = []
    fit(examples, truth, file, progress=lambda stage, rows, total: done.append(rows), **SMALL)
    assert min(done) > 700


@pytest.mark.parametrize("damage", [b"", b"not a state", None])
def test_a_damaged_file_is_discarded(tmp_path: Path, damage: bytes | None) -> None:
    examples, truth = rows(300)
    file = tmp_path / "fit"
    whole = fit(examples, truth, file, **SMALL)
    held = file.read_bytes()
    file.write_bytes(held[: len(held) // 2] if damage is None else damage)
    assert same(fit(examples, truth, file, **SMALL), whole)


class Planted:
    """A pickle that writes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_planted_pickle_is_never_loaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    examples, truth = rows(300)
    whole = fit(examples, truth, tmp_path / "whole", **SMALL)
    file = FitCheckpoints(tmp_path, "digest").file(C=1.0)
    for path in (file, file.with_suffix(".pickle")):
        path.write_bytes(pickle.dumps(Planted(tmp_path / "ran")))
    assert same(fit(examples, truth, file, **SMALL), whole)
    assert not (tmp_path / "ran").exists()
    [message] = [record.getMessage() for record in caplog.records]
    assert message.startswith(f"{file}: damaged (")
    assert message.endswith("; the fit starts over")


@pytest.mark.parametrize("who", ["others", "another user", "others, in the folder"])
def test_a_file_that_is_writable_by_others_is_discarded(
    who: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    examples, truth = rows(300)
    whole = fit(examples, truth, tmp_path / "whole", **SMALL)
    file = tmp_path / "fit"
    with pytest.raises(StoppedError):
        fit(examples, truth, file, progress=stop_at(12), **SMALL)
    assert file.stat().st_mode & 0o777 == 0o600
    if who == "others":
        file.chmod(0o666)
        expected = f"others may write to {file}"
    elif who == "another user":
        monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
        expected = f"{file} belongs to another user"
    else:
        tmp_path.chmod(0o777)
        expected = f"others may write to {tmp_path}"
    done: list[int] = []
    found = fit(
        examples, truth, file, progress=lambda stage, rows, total: done.append(rows), **SMALL
    )
    assert same(found, whole)
    assert min(done) == 32  # from the first block on
    assert caplog.records[0].getMessage() == f"{file}: {expected}; the fit starts over"


KILLED = """
import json, os, signal, sys
from pathlib import Path
import numpy as np
from newsstand.text.example import Example
from newsstand.features.weighting import FeatureSpec
from newsstand.train.families.sgd import fit_stream

seen = 0
def progress(stage, done, total):
    global seen
    seen += 1
    if seen == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
texts = Path(sys.argv[1]).read_text().splitlines()
examples = [Example.of_prepared("", text, None) for text in texts]
truth = np.arange(len(texts)) % 3
model = fit_stream(examples, truth, np.ones(len(texts)), spec=FeatureSpec(bits=12), C=1.0,
    epochs=2, seed=5, file=Path(sys.argv[1]).with_suffix(".fit"), progress=progress,
    **json.loads(sys.argv[3]))
np.save(Path(sys.argv[1]).with_suffix(".npy"), model.coefficients)
"""


def test_a_killed_fit_resumes_to_the_same_weights(tmp_path: Path) -> None:
    examples, _ = rows(300)
    texts = tmp_path / "rows.txt"
    texts.write_text("\n".join(example.text for example in examples))
    ends = []
    for step in (7, 5, 1, 2, 0):  # while counting, in the first epoch, at its end, in the second
        command = [sys.executable, "-c", KILLED, str(texts), str(step), json.dumps(SMALL)]
        ends.append(subprocess.run(command, check=False).returncode)
    assert ends == [-signal.SIGKILL] * 4 + [0]
    truth = np.arange(len(examples)) % 3
    spec = FeatureSpec(bits=12)
    whole = fit(examples, truth, tmp_path / "whole", spec=spec, epochs=2, **SMALL)
    assert np.array_equal(np.load(texts.with_suffix(".npy")), whole.coefficients)


def test_no_feature_is_refused(tmp_path: Path) -> None:
    examples = [Example.of_prepared("", f"word{n}", None) for n in range(4)]
    with pytest.raises(DataError, match=r"no n-gram occurs in at least 2 of the 4 training rows"):
        fit(examples, np.array([0, 1, 0, 1]), tmp_path / "fit", spec=FeatureSpec(min_df=2))


def test_files_depend_on_data_and_settings(tmp_path: Path) -> None:
    checkpoints, others = FitCheckpoints(tmp_path, "digest"), FitCheckpoints(tmp_path, "x")
    files = [checkpoints.file(C=1.0), checkpoints.file(C=2.0), others.file(C=1.0)]
    assert len(set(files)) == 3
    assert checkpoints.file(C=1.0) == files[0]
    assert not checkpoints.note
    for file in files:
        save_arrays(file, {}, of=file.name)
    checkpoints.file(C=1.0)
    assert checkpoints.note
    checkpoints.remove()
    assert [file.exists() for file in files] == [False, False, True]
