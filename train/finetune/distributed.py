"""The part of the processes that torchrun starts beside process 0.

Process 0 does everything that a single process would do. The others wait until it has prepared the
rows and begun the run, then compute their part of each training step, and end.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from torch import distributed

from newsstand.config.loader import load_config
from newsstand.config.schema import Config
from newsstand.data.load import load
from newsstand.errors import NewsstandError
from newsstand.train.dataset import LabelledRows
from newsstand.train.families.base import RunContext
from newsstand.train.families.transformer import TransformerTrainer
from newsstand.train.finetune.processes import rank
from newsstand.train.fit_checkpoint import FitCheckpoints

_FOLDER = "newsstand/checkpoints"
# Time for process 0 to prepare the rows. If it ends, torchrun ends the others at once.
_TIMEOUT = timedelta(days=7)


def start_others(folder: Path) -> None:
    """Starts the fit in the other processes.

    Args:
        folder: The folder of the run's checkpoints.
    """
    _store().set(_FOLDER, str(folder))


def join_fit(path: str, overrides: Sequence[str]) -> None:
    """Computes this process's part of each training step of the run that process 0 has begun.

    Args:
        path: The config file.
        overrides: Overrides, as on the command line.

    Raises:
        NewsstandError: An error of this process only; errors of all processes are raised by
            process 0 before it starts the others.
    """
    store = _store()
    store.wait([_FOLDER], _TIMEOUT)
    try:
        _fit(load_config(path, overrides), Path(store.get(_FOLDER).decode()))
    except NewsstandError as error:
        raise NewsstandError(f"process {rank()}: {error}") from error
    except RuntimeError as error:
        if isinstance(error, distributed.DistError) or "Connection closed" in str(error):
            raise NewsstandError(f"process {rank()}: another process has ended") from error
        raise


def _fit(config: Config, folder: Path) -> None:
    news = load(config.loading())
    train_rows, validation_rows = (
        LabelledRows(news, news.numbers(split)) for split in ("train", "validation")
    )
    checkpoints = FitCheckpoints(news.folder, news.digest)
    trainer = TransformerTrainer.of(config, RunContext.alone(checkpoints, folder))
    trainer.tune(
        trainer.open(train_rows),
        trainer.targets(train_rows),
        validation_rows,
        folder=folder,
        seed=config.seed,
        log=lambda _metrics, _step: None,
    )


def _store() -> distributed.Store:
    """The key-value store that torchrun's processes share."""
    return next(distributed.rendezvous("env://"))[0]
