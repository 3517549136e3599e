"""Bundles that were changed at random: refused in one line, or scored as they were."""

import random
import sys
from pathlib import Path

import pytest

from mutations import changed, outcome, probabilities
from newsstand.io.bundle import Bundle
from tiny_models import make_bundle

# tests/bench/bundle_mutations.py draws many more, with limits on time and memory.
COUNTS = {"linear": 60, "embedding": 20, "transformer": 20}


@pytest.mark.parametrize("family", COUNTS)
def test_changed_bundles_are_refused_or_the_same(
    family: str, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # whoever asks there gets no answer
    whole = tmp_path / family
    make_bundle(family, whole, tiny_encoder)
    expected = probabilities(Bundle.load(whole))
    found = {}
    for number in range(COUNTS[family]):
        sealed = number % 4 > 0
        room = tmp_path / f"{number}"
        room.mkdir()
        rng = random.Random(f"{family} {number}")
        way = changed(rng, whole, room / "bundle", sealed=sealed)
        found[f"{number}: {way}"] = said = outcome(room / "bundle", expected)
        assert said.startswith(("refused: ", "same", "other") if sealed else ("refused: ", "same"))
        assert not (room / "marker").exists()
    kinds = {said.split(":")[0] for said in found.values()}
    assert {"refused", "same"} <= kinds
