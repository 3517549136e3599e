"""What the processes that torchrun starts beside the first one do.

Process 0 does all that one process would do. The others wait until it has prepared the rows and
begun the run, then do their part of each training step, and end.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from torch import distributed

from newsstand.config.loader import load_config
from newsstand.config.schema import Config
from newsstand.data.load import load
from newsstand.errors import NewsstandError
from newsstand.train.dataset import Rows
from newsstand.train.families.base import RunContext
from newsstand.train.families.transformer import TransformerTrainer
from newsstand.train.finetune.processes import rank
from newsstand.train.fit_checkpoint import Unfinished

_FOLDER = "newsstand/checkpoints"
# Until process 0 has prepared the rows. If it ends, torchrun ends the others at once.
_LONGEST = timedelta(days=7)


def call_others(folder: Path) -> None:
    """Tells the other processes that the run has begun.

    Args:
        folder: Where its checkpoints are.
    """
    _store().set(_FOLDER, str(folder))


def join_fit(path: str, overrides: Sequence[str]) -> None:
    """Does this process's part of each training step of the run that process 0 has begun.

    Args:
        path: The config's file.
        overrides: As on the command line.

    Raises:
        NewsstandError: What is wrong in this process alone. What is wrong in all, process 0 says
            before it calls the others.
    """
    store = _store()
    store.wait([_FOLDER], _LONGEST)
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
    rows, validation = (Rows(news, news.numbers(split)) for split in ("train", "validation"))
    checkpoints = Unfinished(news.folder, news.digest)
    trainer = TransformerTrainer.of(config, RunContext.alone(checkpoints, folder))
    trainer.tune(
        trainer.open(rows),
        trainer.targets(rows),
        validation,
        folder=folder,
        seed=config.seed,
        log=lambda _metrics, _step: None,
    )


def _store() -> distributed.Store:
    """What torchrun gives its processes to tell each other small things by."""
    return next(distributed.rendezvous("env://"))[0]
