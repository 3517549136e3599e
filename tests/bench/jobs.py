"""Jobs of the benches: each is done by a script in a process of its own.

A job is one JSON object on the script's standard input, its figures one on the last line of its
standard output.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def work(
    script: Path, job: Record, *, prefix: Sequence[str] = (), env: Mapping[str, str]
) -> Record:
    """The figures of one job.

    Args:
        script: What does the job.
        job: With `contestant` and `do`, which a failure is named by.
        prefix: Put before the command.
        env: Variables that the process gets besides.
    """
    done = subprocess.run(
        [*prefix, sys.executable, str(script)],
        input=json.dumps(job),
        env=os.environ | env,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{job['contestant']}, {job['do']}: failed\n{done.stderr[-3000:]}")
    figures: Record = json.loads(done.stdout.splitlines()[-1])
    return figures
