"""Tracking with MLflow: runs, their data sets, models and registered versions."""

from newsstand.train.tracking.active_run import Run, run, source_tags
from newsstand.train.tracking.logged_model import Logged
from newsstand.train.tracking.store import (
    check_active,
    initialise,
    known,
    refusals,
    refused,
    store,
    writing,
)

__all__ = [
    "Logged",
    "Run",
    "check_active",
    "initialise",
    "known",
    "refusals",
    "refused",
    "run",
    "source_tags",
    "store",
    "writing",
]
