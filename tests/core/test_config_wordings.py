"""What a config may say of wordings and hypotheses, and what is said of the rest."""

import pytest

from config_texts import Write, problems
from newsstand.config.loader import load_config

CONFIG = """\
task: TASK
labels: favor-against-neutral
data: {format: table, path: wire.csv}
model:
  kind: transformer
  MORE
tracking: {experiment: desk}
"""
BOTH = 'hypotheses: {favor: "It is for {target}.", against: "It is against {target}."}'
FITS = "not with model.epochs: 0, which fits nothing; leave it out"


def config(more: str, task: str = "stance", labels: str = "favor-against-neutral") -> str:
    text = CONFIG.replace("TASK", task).replace("favor-against-neutral", labels)
    return text.replace("MORE", more)


def test_wordings_and_hypotheses_are_settings(write: Write) -> None:
    found = load_config(write(config('target_as: "for {target}"'))).model
    assert found.target_as == "for {target}"  # type: ignore[union-attr]
    found = load_config(write(config(f"{BOTH}\n  epochs: 0"))).model
    assert found.hypotheses["against"] == "It is against {target}."  # type: ignore[union-attr]
    topics = 'hypotheses: {sport: "It is about sport.", weather: "It is about the weather."}'
    load_config(write(config(topics, "topic", "[sport, weather]")))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            "target_as: for it",
            "c.yaml:6: model.target_as: expected text with {target} in place of the target, "
            "got 'for it'",
        ),
        (f'target_as: "on {{target}}"\n  {BOTH}', "model.target_as: not with model.hypotheses"),
        ("epochs: 0", "c.yaml:6: model.epochs: expected 1 or more; only a model with hypotheses"),
        ("epochs: -1", "model.epochs: expected greater than or equal to 0"),
        (f"{BOTH}\n  epochs: 0\n  refit: true", f"model.refit: {FITS}"),
        (f"{BOTH}\n  epochs: 0\n  seeds: 3", f"model.seeds: {FITS}"),
        (
            'hypotheses: {favour: "for {target}", against: "not {target}"}',
            "model.hypotheses.favour: unknown label; did you mean 'favor'?",
        ),
        (
            'hypotheses: {favor: "for {target}"}',
            "c.yaml:6: model.hypotheses: missing for against, neutral; only one label may "
            "have none",
        ),
        (
            'hypotheses: {favor: for it, against: "not {target}"}',
            "c.yaml:6: model.hypotheses.favor: expected text with {target} in place of the target",
        ),
        (
            'hypotheses: {favor: "on {target}", against: "on {target}"}',
            "model.hypotheses.favor: another label has the same hypothesis",
        ),
        (
            'hypotheses: {favor: "a\\n{target}", against: "not {target}"}',
            "model.hypotheses.favor: expected one line of text with at most 500 characters",
        ),
        ("hypotheses: {}", "model.hypotheses: "),
        ("hypotheses: [favor]", "model.hypotheses: expected keys and values"),
    ],
)
def test_what_cannot_be_is_a_line(write: Write, more: str, message: str) -> None:
    found = problems(write(config(more)))
    assert any(message in line for line in found), found


def test_topics_have_no_targets_to_word(write: Write) -> None:
    found = problems(
        write(
            config(
                'target_as: "on {target}"\n  hypotheses: {sport: "on {target}", weather: rain}',
                "topic",
                "[sport, weather]",
            )
        )
    )
    assert [line.split(": ", 1)[1] for line in found] == [
        "model.target_as: a topic model has no targets",
        "model.hypotheses.sport: a topic model has no targets",
    ]
