"""Progress where there is no terminal."""

import io
import time

from rich.console import Console

from newsstand.cli.progress import StageProgress


def test_a_long_stage_says_how_far_it_is_now_and_then() -> None:
    stream = io.StringIO()
    shown = StageProgress(Console(file=stream, soft_wrap=True), interval=0.02)
    shown.begin("fit")
    shown.progress("encoding", 1024, 5000)
    deadline = time.monotonic() + 20
    while "1,024" not in stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    shown.end("fit", "done", 0.5)
    lines = stream.getvalue().splitlines()
    assert "fit          0.0 min  encoding: 1,024 of 5,000" in lines
    assert "fit          0.5 s  done" in lines


def test_a_short_stage_says_nothing_before_its_end() -> None:
    stream = io.StringIO()
    shown = StageProgress(Console(file=stream, soft_wrap=True))
    shown.begin("load")
    shown.progress("load", 1, 2)
    assert stream.getvalue() == ""
    shown.stop()
