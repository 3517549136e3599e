"""What the pages of registered models show."""

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from newsstand.train.outcome import Outcome
from newsstand.train.run_summary import DATA, FAMILY, HEADLINE, TASK

# The tags of a run that its version has beside those that versions are compared by.
_SHOWN = (HEADLINE, FAMILY, DATA)


def describe_version(version: ModelVersion, outcome: Outcome) -> None:
    """Adds description and tags to a registered version, and a description to its model."""
    client, name, number = MlflowClient(), version.name, str(version.version)
    client.update_model_version(name, number, description=outcome.description)
    for key in _SHOWN:
        if outcome.tags.get(key):
            client.set_model_version_tag(name, number, key, outcome.tags[key])
    if not client.get_registered_model(name).description:
        alias = f" The version in use has the alias {outcome.alias}." if outcome.alias else ""
        task = outcome.tags.get(TASK, "News")
        text = f"{task.capitalize()} classifiers trained by newsstand, one version a run.{alias}"
        client.update_registered_model(name, text)
        client.set_registered_model_tag(name, TASK, task)
