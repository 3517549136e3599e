"""The description of a run, as its report and its model card show it."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from newsstand.config.schema import Config
from newsstand.models.base import FAMILIES
from newsstand.version import __version__

# Settings that say where things are or how a run is logged, not what was trained.
_NOT_SHOWN = ("tracking.", "data.path", "evaluation.")
_LONGEST_VALUE = 120  # characters
_GIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDescription:
    """What was trained and evaluated, and on which data.

    Args:
        name: Name of the run.
        task: `topic` or `stance`.
        kind: The model family: `linear`, `embedding`, `transformer`.
        summary: What the family is, in one sentence.
        tested_on: Name of the data that the test rows are of.
        split: The rows that were tested: `test`, `validation`, or `all`.
        encoder: Name of the pretrained encoder, if any.
        trained_on: Name of the training data; None if it is not known.
        data_format: Format of the data; None if it is not known.
        data_digest: Digest of the training data; None if it is not known.
        sizes: Number of training, validation and test rows of the training data, by split.
        splits: How the splits were made, in one line; empty if it is not known.
        version: Version of newsstand.
        commit: The git commit of the working directory, if it is one of a repository.
        date: When the evaluation was made, ISO 8601, UTC.
        settings: Settings that differ from the defaults, by dotted key.
        bundle_hash: Hash of the bundle; empty if it was not saved.
        registered_as: Name of the registered model of which this is a version; empty if none.
        license: License of the model, an identifier of the Hub; None if it is not known.
        notes: Remarks on the evaluated rows, each a sentence.
    """

    name: str
    task: str
    kind: str
    summary: str
    tested_on: str
    split: str = "test"
    encoder: str | None = None
    trained_on: str | None = None
    data_format: str | None = None
    data_digest: str | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    splits: str = ""
    version: str = __version__
    commit: str | None = None
    date: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    bundle_hash: str = ""
    registered_as: str = ""
    license: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def day(self) -> str:
        """The date without the time."""
        return self.date[:10]


def describe_run(
    config: Config,
    *,
    name: str,
    digest: str,
    sizes: Mapping[str, int],
    splits: str,
    bundle_hash: str,
) -> RunDescription:
    """The description of a training run.

    Args:
        config: The experiment.
        name: Name of the run.
        digest: Digest of the data.
        sizes: Number of rows by split.
        splits: How the splits were made, in one line.
        bundle_hash: Hash of the bundle.
    """
    data = data_name(config)
    return RunDescription(
        name=name,
        task=config.task,
        kind=config.model.kind,
        summary=family_summary(config.model.kind),
        tested_on=data,
        encoder=getattr(config.model, "encoder", None),
        trained_on=data,
        data_format=config.data.origin()["form"],
        data_digest=digest,
        sizes=sizes,
        splits=splits,
        commit=git_commit(),
        date=now(),
        settings=changed_settings(config),
        bundle_hash=bundle_hash,
        registered_as=config.tracking.register_as or "",
    )


def data_name(config: Config) -> str:
    """A name of the data of a config: of its sources, its hub data set, its file or folder."""
    data = config.data
    if data.sources is not None:
        return ", ".join(data.source_names())
    if data.path is None:
        return "the embedded corpus of newsstand" if data.format == "corpus" else str(data.format)
    if data.path.startswith("hf:"):
        return data.path.removeprefix("hf:")
    return Path(data.path).name or data.path


def family_summary(kind: str) -> str:
    """The first sentence of the description of a family's settings."""
    text = FAMILIES[kind].config_class.__doc__ or kind
    return " ".join(text.split("\n\n")[0].split())


def changed_settings(config: Config) -> dict[str, str]:
    """The settings that differ from the defaults, by dotted key, as they are written in YAML."""
    found = _changed(config, "")
    return {key: value for key, value in found.items() if not key.startswith(_NOT_SHOWN)}


def _changed(section: BaseModel, prefix: str) -> dict[str, str]:
    shown: dict[str, str] = {}
    for name, field_ in type(section).model_fields.items():
        value, key = getattr(section, name), f"{prefix}{name}"
        if not field_.is_required() and value == field_.get_default(call_default_factory=True):
            continue
        if isinstance(value, BaseModel):
            shown |= _changed(value, f"{key}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for number, part in enumerate(value):
                shown |= _changed(part, f"{key}.{number}.")
        else:
            shown[key] = _written(value)
    return shown


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        text = f"[{', '.join(map(_written, value))}]"
    elif isinstance(value, Mapping):
        text = f"{{{', '.join(f'{key}: {_written(x)}' for key, x in value.items())}}}"
    elif isinstance(value, bool):
        text = str(value).lower()
    else:
        text = "null" if value is None else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def git_commit() -> str | None:
    """The commit of the working directory, `+changes` if files differ from it; None without git."""
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    if not re.fullmatch("[0-9a-f]{40,64}", commit):
        return None
    return f"{commit[:12]}+changes" if changed else commit[:12]


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(  # noqa: S603 - fixed arguments
        command, capture_output=True, text=True, check=True, timeout=_GIT_SECONDS
    )
    return done.stdout.strip()
