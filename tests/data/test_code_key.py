"""The key of newsstand's own code covers exactly the modules that prepared rows depend on."""

import ast
from pathlib import Path

import pytest

from newsstand.data.code_key import code_key, imported, source_of

PREPARE = "newsstand.data.prepare"
ROOT = Path(__file__).parents[2]


def key(edited: str) -> str:
    """The key of the code that prepares, with one module edited."""

    def source(module: str) -> bytes | None:
        code = source_of(module)
        return code + b"# edited\n" if code is not None and module == edited else code

    return code_key(PREPARE, source)


@pytest.mark.parametrize(
    "module",
    [
        "newsstand.text.normalize",
        "newsstand.text.cleaning",
        "newsstand.text.boilerplate_rules",
        "newsstand.text.example",
        "newsstand.text.article",
        "newsstand.text.html_plain",
        "newsstand.labels",
        "newsstand.io.records",
        "newsstand.io.csv_table",
        "newsstand.io.dates",
        "newsstand.io.values",
        "newsstand.config.formats",
        "newsstand.config.data_specs",
        "newsstand.data.readers.formats",
        "newsstand.data.validate",
        "newsstand.data.readers.annotations",
        "newsstand.data.prepare",
    ],
)
def test_editing_reading_or_preparing_code_changes_the_key(module: str) -> None:
    assert key(module) != key("none") == code_key(PREPARE)


@pytest.mark.parametrize(
    "module",
    [
        "newsstand",
        "newsstand.cli.main",
        "newsstand.cli.display",
        "newsstand.cli.terminal",
        "newsstand.config.schema",
        "newsstand.models.linear",
        "newsstand.features.hashed_ngrams",
        "newsstand.io.bundle",
        "newsstand.serve.scorer",
        "newsstand.train.run",
        "newsstand.train.families.linear_solver",
        "newsstand.train.evaluation.metrics",
        "newsstand.data.checks.report",
        "newsstand.data.checks.audit",
        "newsstand.data.describe",
        "newsstand.data.readers.publishers",
        "newsstand.data.readers.debates",
        "newsstand.data.splits.split",
        "newsstand.data.splits.near_duplicates",
        "newsstand.data.load",
    ],
)
def test_editing_other_code_keeps_the_key(module: str) -> None:
    assert source_of(module) is not None
    assert key(module) == code_key(PREPARE)


def test_imports_match_those_of_the_parser() -> None:
    found = imported(PREPARE)
    expected, waiting = {PREPARE, "newsstand.data"}, [PREPARE]
    while waiting:
        for node in ast.walk(ast.parse(found[waiting.pop()])):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            names += [name.rpartition(".")[0] for name in names]  # their packages
            new = {x for x in names if x.startswith("newsstand.") and source_of(x)} - expected
            waiting += new
            expected |= new
    assert set(found) == expected


def test_imports_of_packages_are_followed() -> None:
    sources = {
        "newsstand.rows": b"def f():\n    from newsstand.text import (\n        rules,\n    )\n",
        "newsstand.text": b"import newsstand.words as w  # import newsstand.rest\n",
        "newsstand.text.rules": b'"""No import newsstand.rest, nor\nfrom newsstand import."""\n',
        "newsstand.words": b"from newsstand import letters\nimport numpy\nx = [word_import]\n",
        "newsstand.letters": b"from newsstand.text.rules import NAMES\n",
        "newsstand.rest": b"",
        "newsstand": b"from newsstand.rest import x\n",
    }
    found = imported("newsstand.rows", sources.get)
    assert found == {
        name: sources[name] for name in sources.keys() - {"newsstand.rest", "newsstand"}
    }


def test_names_that_are_not_modules_are_ignored() -> None:
    assert source_of("newsstand.text.normalize.normalise") is None
    assert source_of("newsstand.none") is None
    assert source_of("newsstand.data") == (ROOT / "data/__init__.py").read_bytes()
