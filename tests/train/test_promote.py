"""`newsstand promote` and `newsstand rollback`: what moves, what is recorded, what is refused."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run

from given import Cli
from newsstand.config.loader import load_config
from newsstand.train.registry.history import PROMOTED, ROLLED_BACK, Move, versions_before
from newsstand.train.run import train
from quick_run import CONFIG, WORDS, write_rows

QUICK = ("tracking.register_as=null", "tracking.alias=null")


class Registered:
    """A run whose model is not registered yet, in a store of its own.

    Args:
        run: The run.
        model: Its logged model.
    """

    def __init__(self, run: Run, model: LoggedModel) -> None:
        self.run = run
        self.run_id: str = run.info.run_id
        self.model = model

    def version(self, name: str = "topic") -> str:
        """Registers the model once more; returns the version."""
        tags = {key: x for key, x in self.run.data.tags.items() if key.startswith("newsstand.")}
        return str(mlflow.register_model(self.model.model_uri, name, tags=tags).version)


@pytest.fixture(scope="module")
def made(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Copies a folder with one run to a new folder, and its artifact locations with it."""
    from given import RecordingReporter

    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        shutil.copy(empty_store, folder)
        write_rows(Path("rows.csv"), WORDS)
        Path("quick.yaml").write_text(CONFIG, encoding="utf-8")
        train(load_config("quick.yaml", QUICK), name="quick", reporter=RecordingReporter())

    def copy(to: Path) -> None:
        shutil.copytree(folder, to, dirs_exist_ok=True)

    return copy


@pytest.fixture
def only(
    made: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> Registered:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    made(tmp_path)
    assert cli("relocate").code == 0
    [experiment] = [x for x in MlflowClient().search_experiments() if x.name == "quick"]
    [run] = MlflowClient().search_runs([experiment.experiment_id])
    return Registered(run, MlflowClient().get_logged_model(run.outputs.model_outputs[0].model_id))


def champion(name: str = "topic", alias: str = "champion") -> str | None:
    version = MlflowClient().get_registered_model(name).aliases.get(alias)
    return None if version is None else str(version)


def test_a_run_is_registered_under_the_name_of_the_option(cli: Cli, only: Registered) -> None:
    refused = cli("promote", only.run_id)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        f"newsstand: run {only.run_id}: its model is not registered, and its config sets no "
        "tracking.register_as; name the registered model with --name\n"
    )
    done = cli("promote", only.run_id[:6], "--name", "my topics")
    assert (done.code, done.err) == (0, "")
    assert done.out == "my topics version 1; my topics@champion set to version 1\n"
    assert MlflowClient().get_model_version("my topics", "1").run_id == only.run_id
    # Once more, it is the same version.
    again = cli("promote", f"runs:/{only.run_id}")
    assert (again.code, again.out) == (
        0,
        "my topics version 1; my topics@champion is at version 1 already\n",
    )
    only.version("other")
    assert cli("promote", only.run_id).err == (
        f"newsstand: run {only.run_id}: its model is registered as my topics and other; choose "
        "with --name\n"
    )


def test_a_forced_move_records_who_moved_what_when_and_why(cli: Cli, only: Registered) -> None:
    only.version()
    second = only.version()
    MlflowClient().set_model_version_tag("topic", second, "newsstand.test_rows", "8")
    assert cli("promote", "models:/topic/1", "--alias", "live").code == 0
    stays = cli("promote", "models:/topic/2", "--alias", "live")
    assert (stays.code, champion(alias="live")) == (1, "1")
    assert stays.out == (
        "topic version 2; topic@live stays at version 1: tested on 8 rows, expected at least 30; "
        f"to move it: newsstand promote {only.run_id} --alias live --force 'REASON'\n"
    )
    moved = cli("promote", "models:/topic/2", "--alias", "live", "--force", "8 new rows\nchecked")
    assert (moved.code, champion(alias="live")) == (0, "2")
    assert moved.out == (
        "topic version 2; topic@live moves from version 1 to 2, forced (8 new rows\\nchecked) "
        "although: tested on 8 rows, expected at least 30\n"
    )
    tag = MlflowClient().get_model_version("topic", "2").tags["newsstand.alias.live"]
    assert re.fullmatch(
        r"promoted from version 1 on \d{4}-\d\d-\d\d \d\d:\d\d UTC by \w+, forced: 8 new rows\n"
        r"checked \(although: tested on 8 rows, expected at least 30\)",
        tag,
    )
    for reason in ("", " ", "x" * 501):
        refused = cli("promote", "models:/topic/2", "--force", reason)
        assert refused.code == 2
        assert refused.err.startswith("newsstand: --force: expected the reason why the alias moves")
    assert cli("promote", "models:/topic/2", "--alias", "v1").err == (
        "newsstand: --alias: expected a name that MLflow does not reserve\n"
    )


def test_rollbacks_lead_back_version_by_version(cli: Cli, only: Registered) -> None:
    for number in range(1, 5):
        version = only.version()
        assert cli("promote", f"models:/topic/{version}").code == 0, number
    assert champion() == "4"
    assert cli("rollback", "topic").out == "topic@champion moves back from version 4 to 3\n"
    assert cli("rollback", "topic@champion").out == (
        "topic@champion moves back from version 3 to 2\n"
    )
    # Another promotion, from where it is now.
    assert cli("promote", "models:/topic/4").code == 0
    for to in ("2", "1"):
        assert cli("rollback", "models:/topic@champion").code == 0
        assert champion() == to
    end = cli("rollback", "topic")
    assert (end.code, end.out, champion()) == (2, "", "1")
    assert end.err == (
        "newsstand: topic@champion: no earlier version is recorded; it is at version 1\n"
    )


def test_a_version_that_mlflow_gave_the_alias_to_is_one_of_the_history(
    cli: Cli, only: Registered
) -> None:
    for _ in range(3):
        only.version()
    MlflowClient().set_registered_model_alias("topic", "champion", "1")
    assert cli("promote", "models:/topic/2").code == 0
    MlflowClient().set_registered_model_alias("topic", "champion", "3")
    for to in ("2", "1"):
        assert cli("rollback", "topic").code == 0
        assert champion() == to


def test_an_earlier_version_that_is_deleted_or_damaged_is_named(cli: Cli, only: Registered) -> None:
    for _ in range(3):
        assert cli("promote", f"models:/topic/{only.version()}").code == 0
    place = Path(only.model.artifact_location.removeprefix("file://"))
    place.rename(place.with_name("away"))
    missing = cli("rollback", "topic")
    assert (missing.code, champion()) == (2, "3")
    assert missing.err == (
        "newsstand: topic@champion: the version before, 2, cannot be used (topic version 2: its "
        f"model {place} does not exist; if the folder was moved or copied, `newsstand relocate` "
        "corrects the paths in MLflow); it is at version 3; before it, version 1 had it: "
        "newsstand promote models:/topic/1 --force 'REASON'\n"
    )
    MlflowClient().delete_model_version("topic", "2")
    assert cli("rollback", "topic").err == (
        "newsstand: topic@champion: the version before, 2, is deleted; it is at version 3; before "
        "it, version 1 had it: newsstand promote models:/topic/1 --force 'REASON'\n"
    )
    # MLflow deletes the alias with the version that has it.
    MlflowClient().delete_model_version("topic", "3")
    assert "the version before, 3, is deleted; no version has it" in cli("rollback", "topic").err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "promote 0000aaaa",
            "no run '0000aaaa' in MLflow at sqlite:///{here}/mlflow.db; set "
            "MLFLOW_TRACKING_URI if it is in another store",
        ),
        ("promote a/b/c", "a/b/c: expected a run's id or models:/NAME/VERSION"),
        (
            "promote models:/tpoic/1",
            "no registered model 'tpoic' in MLflow at sqlite:///{here}/mlflow.db; did you mean "
            "'topic'?",
        ),
        (
            "promote models:/topic/7",
            "models:/topic/7: there is no such version in MLflow at sqlite:///{here}/mlflow.db, or "
            "it is deleted",
        ),
        (
            "promote models:/topic@best",
            "models:/topic@best: there is no such version in MLflow at "
            "sqlite:///{here}/mlflow.db, or it is deleted",
        ),
        (
            "promote models:/topic/1 --name other",
            "--name other: models:/topic/1 names another registered model",
        ),
        ("rollback a/b", "a/b: expected NAME or NAME@ALIAS of a registered model"),
        (
            "rollback sport",
            "no registered model 'sport' in MLflow at sqlite:///{here}/mlflow.db (registered: "
            "topic)",
        ),
        ("rollback topic", "topic@champion: no earlier version is recorded; no version has it"),
    ],
)
def test_what_is_not_there_is_named(
    command: str, message: str, cli: Cli, only: Registered, tmp_path: Path
) -> None:
    only.version()
    done = cli(*command.split())
    assert (done.code, done.out) == (2, "")
    assert done.err == f"newsstand: {message.replace('{here}', str(tmp_path))}\n"


def test_runs_that_cannot_be_promoted(cli: Cli, only: Registered) -> None:
    client = MlflowClient()
    bare = client.create_run(only.run.info.experiment_id, run_name="compare").info.run_id
    assert cli("promote", bare).err == (
        f"newsstand: run {bare} (compare) has logged no model; it is running\n"
    )
    client.delete_run(only.run_id)
    assert cli("promote", only.run_id[:8]).err == (
        f"newsstand: run {only.run_id} is deleted; restore it (mlflow runs restore --run-id "
        f"{only.run_id}) or promote another one\n"
    )


def test_without_a_store_none_is_created(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    for command in ("promote 0123", "rollback topic"):
        assert cli(*command.split()).err == (
            f"newsstand: no MLflow database at {tmp_path}/mlflow.db; go to the folder that has it, "
            "or set MLFLOW_TRACKING_URI\n"
        )
    assert list(tmp_path.iterdir()) == []


def moved(before: str | None, version: str, how: str = PROMOTED) -> Move:
    return Move(at="", version=version, before=before, how=how, by="")


@pytest.mark.parametrize(
    ("made", "now", "before"),
    [
        ([], None, []),
        ([], "1", []),
        ([moved(None, "1")], "1", []),
        ([moved("1", "2")], "2", ["1"]),  # the first was set by another program
        ([moved(None, "1"), moved("1", "2"), moved("2", "1")], "1", ["2", "1"]),
        ([moved(None, "1"), moved("1", "2"), moved("2", "1", ROLLED_BACK)], "1", []),
        # Moved by another program, to a version that had it and to one that had not.
        ([moved(None, "1"), moved("1", "2")], "1", ["2", "1"]),
        ([moved(None, "1"), moved("1", "2")], "5", ["2", "1"]),
        ([moved(None, "1"), moved("1", "2"), moved("5", "2", ROLLED_BACK)], "2", ["1"]),
    ],
)
def test_the_versions_before(made: list[Move], now: str | None, before: list[str]) -> None:
    assert versions_before(made, now) == before


def test_moves_of_several_aliases_and_damaged_tags_are_kept_apart(
    cli: Cli, only: Registered
) -> None:
    for alias in ("a", "b"):
        for _ in range(2):
            assert cli("promote", f"models:/topic/{only.version()}", "--alias", alias).code == 0
    MlflowClient().set_registered_model_tag("topic", "newsstand.moves.a.2999", "{")
    assert cli("rollback", "topic@a").out == "topic@a moves back from version 2 to 1\n"
    assert cli("rollback", "topic@b").out == "topic@b moves back from version 4 to 3\n"
