"""What reaches a terminal or a pipe: no control characters, valid JSON, nobody else's lines."""

import json
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import environment
from newsstand.cli.terminal import complain, to_json, visible
from newsstand.config.loader import dump_yaml
from newsstand.errors import DataError, InputError

OBEYED = {
    "\x1b[2J": r"\x1b[2J",
    "\x9b31m": r"\x9b31m",
    "\x07\x00\x7f": r"\x07\x00\x7f",
    "a\r\nb\tc": r"a\r\nb\tc",
    "\u202egnp.exe": r"\u202egnp.exe",
    "\u2066x\u2069": r"\u2066x\u2069",
    "one\u2028two\u2029": r"one\u2028two\u2029",
    "half \ud83d": r"half \ud83d",
}
HARMLESS = (
    "Wheat fell 3 %.",
    r"C:\news\x1b",
    "سعر\u200cنفط \u200f(5)",
    "👩\u200d👩\u200d👧 é ½ 中",
)


@pytest.mark.parametrize("text", OBEYED)
def test_what_a_terminal_obeys_is_written_out(text: str) -> None:
    assert visible(text) == OBEYED[text]


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert visible(text) == text
    assert to_json(text) == f'"{text}"'.replace("\\", "\\\\")


def test_line_breaks_stay_where_they_are_wanted() -> None:
    assert visible("one\n\ttwo\r\x1b", lines=True) == "one\n\\ttwo\\r\\x1b"


@given(st.text(st.characters(exclude_categories=[]), max_size=30))
def test_json_is_safe_and_says_the_same(text: str) -> None:
    for shown in (to_json({text: [text]}), visible(text)):
        assert visible(shown) == shown
        assert not {"Cc", "Cs", "Zl", "Zp"} & set(map(unicodedata.category, shown))
    assert json.loads(to_json({text: [text]})) == {text: [text]}


def test_json_has_no_nan() -> None:
    rows = {"loss": float("nan"), "all": [1.5, float("-inf"), {"x": (float("inf"),)}], "n": 3}
    expected = {"loss": None, "all": [1.5, None, {"x": [None]}], "n": 3}
    assert json.loads(to_json(rows, indent=1), parse_constant=pytest.fail) == expected


def test_an_error_is_a_line_and_several_problems_one_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    complain(*InputError("article 'a\nnewsstand: all is well': empty").lines)
    complain(*DataError([f"row {n}\x1b" for n in range(22)]).lines)
    one, *several = capsys.readouterr().err.splitlines()
    assert one == r"newsstand: article 'a\nnewsstand: all is well': empty"
    assert several[:2] == [r"newsstand: row 0\x1b", r"row 1\x1b"]
    assert several[20:] == ["… and 2 more problems"]


def test_yaml_to_show_is_yaml_still() -> None:
    text = dump_yaml({"labels": ["left\u202e", "é", "\x1b[31m"]})
    assert visible(text, lines=True) == text
    assert dump_yaml({"labels": ["é"]}) == "labels:\n- é\n"


def run(code: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env=environment(**variables),
        check=False,
    )


def test_native_code_does_not_write_to_standard_output() -> None:
    done = run(
        "from newsstand.cli.terminal import keep_stdout, put\n"
        "from tokenizers import AddedToken\n"
        "keep_stdout()\n"
        "put('first')\n"
        "AddedToken('x', unheard_of=1)\n"  # which the library tells by println!
        "put('second')\n"
    )
    assert (done.returncode, done.stdout) == (0, b"first\nsecond\n")
    assert b"unheard_of" in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_json_is_valid_in_any_encoding(encoding: str) -> None:
    done = run(
        "from newsstand.cli.terminal import keep_stdout, put, to_json\n"
        "keep_stdout()\n"
        "put(to_json('é \\x9b 🙂 \\ud800 سعر'))\n",
        PYTHONIOENCODING=encoding,
    )
    assert done.stderr == b""
    assert json.loads(done.stdout.decode("utf-8")) == "é \x9b 🙂 \ud800 سعر"
