"""Fine-tuning and scoring with an encoder: newsstand against what people use, on the same rows.

    python tests/bench/encoder.py --data FOLDER [--parts fit score cold] [--markdown FILE]

FOLDER holds r8/ as its publishers have it. Each contestant runs in processes of its own, taking
turns; figures are medians. Seconds are the wall clock's: nothing else may run.

- fit: rows a second over some optimiser steps, after a few to warm up, of the same 4,937 rows, at
  most 128 tokens each, batches of 32: newsstand as `r8-transformer.yaml` says, and transformers'
  Trainer as its run_classification example sets it (fp32, rows in random order, padded to the
  maximum). With `--full`, whole fits and their accuracy on the test rows, with SetFit (16 rows a
  label) and sentence-transformers + LogisticRegression.
- score: test documents a second with the same fine-tuned weights, read from one bundle.
- cold: a whole process that loads the model and scores one document.

Where there is a GPU, all compute on it, newsstand's export excepted, which is left out, and those
of bf16 and torch.compile take part. The share of the chip's peak counts the operations that the
real tokens need, whatever was padded (Chowdhery et al. 2022, appendix B).
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from encoder_contestants import CONFIG, FITS, SCORES, WHOLE_FITS
from jobs import Record, work
from newsstand.encoders.libraries import torch_sees_a_gpu
from newsstand.encoders.onnx_encoder import ExportedEncoder
from newsstand.encoders.torch_encoder import ENCODER_FOLDER, Encoder
from newsstand.io.bundle import Bundle
from newsstand.models.transformer import TransformerModel

WORKER = Path(__file__).with_name("encoder_contestants.py")
OFFLINE = {"MLFLOW_DISABLE_TELEMETRY": "true", "HF_HUB_OFFLINE": "1"}

COLD = """\
import sys, transformers
pipe = transformers.pipeline("text-classification", model=sys.argv[1])
print(pipe(open(sys.argv[2]).read(), truncation=True, max_length=128))
"""


def cold(job: Record, folder: Path) -> Record:
    article = folder / "article.txt"
    article.write_text("Shares of the company fell after it said profits had been lower.\n")
    name, bundles = job["contestant"], job["bundles"]
    command = [sys.executable, "-c", COLD, f"{bundles['torch']}/encoder", str(article)]
    if name.startswith("newsstand"):
        bundle = bundles["int8" if "int8" in name else "torch"]
        command = [sys.executable, "-m", "newsstand", "score", "--model", bundle, str(article)]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return {"cold": time.perf_counter() - started}


def bundles(options: argparse.Namespace) -> dict[str, str]:
    """A bundle with the network's export and one without, the same weights in both."""
    exported = options.work / "int8.json"
    if not exported.exists():
        options.work.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "newsstand", "train", str(CONFIG), "--json"]
        command += [f"data.path={options.data.resolve() / 'r8'}", "export.onnx=int8"]
        command += options.settings
        done = subprocess.run(
            command, cwd=options.work, check=True, stdout=subprocess.PIPE, text=True
        )
        exported.write_text(done.stdout)
    folder = Path(json.loads(exported.read_text())["bundle"])
    if torch_sees_a_gpu():  # where scoring leaves the export alone
        return {"torch": str(folder)}
    bundle = Bundle.load(folder)
    model = bundle.model
    if not isinstance(model, TransformerModel) or not isinstance(model.encoder, ExportedEncoder):
        raise SystemExit(f"{folder}: has no export, which cost too much; give other --settings")
    encoder = Encoder.open(
        folder / ENCODER_FOLDER, max_tokens=model.encoder.max_tokens, labels=len(bundle.labels)
    )
    plain = options.work / "torch"
    replace(bundle, model=replace(model, encoder=encoder)).save(plain)
    return {"int8": str(folder), "torch": str(plain)}


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with r8/")
    add("--parts", nargs="+", choices=("fit", "score", "cold"), default=["fit", "score", "cold"])
    add("--steps", type=int, default=20, help="optimiser steps that are timed (20)")
    add("--full", action="store_true", help="whole fits, with their accuracy")
    add("--only", nargs="+", choices=[*FITS, *SCORES], metavar="NAME", help="these contestants")
    add("--peak-tflops", type=float, help="the chip's peak, to give its share that a fit reaches")
    add("--documents", type=int, default=0, help="score so many of the test rows; 0: all")
    add("--repeats", type=int, default=3, help="how often each contestant runs (3)")
    add("--settings", nargs="*", default=[], help="KEY=VALUE for the bundles that are scored")
    add("--work", type=Path, default=Path(tempfile.gettempdir()) / "newsstand-bench-encoder")
    add("--prefix", default="", help="put before each command: 'taskset -c 0,1'")
    add("--markdown", type=Path, help="write the tables here rather than print them")
    return parser.parse_args()


COLUMNS = {
    "rows": ("rows a second", ",.1f"),
    "tokens": ("real tokens a second", ",.0f"),
    "share": ("of the chip's peak", ".1%"),
    "seconds": ("whole fit, s", ",.0f"),
    "documents": ("documents a second", ",.1f"),
    "cold": ("cold start, s", ".2f"),
    "accuracy": ("accuracy", ".4f"),
    "macro_f1": ("macro-F1", ".4f"),
    "memory": ("peak memory, MB", ",.0f"),
}


def table(records: list[Record], part: str) -> str:
    """Medians of one part, and each rate as a multiple of newsstand's own."""
    of = [x for x in records if x["do"] == part]
    keys = [key for key in COLUMNS if any(key in x for x in of)]
    lines = [f"| {part} | {' | '.join(COLUMNS[key][0] for key in keys)} |"]
    lines.append(f"|---|{'---:|' * len(keys)}")
    for name in dict.fromkeys(x["contestant"] for x in of):
        cells = []
        for key in keys:
            values = [x[key] for x in of if x["contestant"] == name and key in x]
            cells.append(format(statistics.median(values), COLUMNS[key][1]) if values else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def taking_part(names: Iterable[str], options: argparse.Namespace) -> list[str]:
    """Those that are asked for, or that make sense here."""
    if options.only:
        return [name for name in names if name in options.only]
    gpu = torch_sees_a_gpu()
    left_out = {"newsstand, int8"} if gpu else {name for name in names if "compile" in name}
    if not options.full:
        left_out |= set(WHOLE_FITS)
    if options.full and find_spec("setfit") is None:
        print("SetFit is left out: pip install setfit", file=sys.stderr)
        left_out |= {name for name in names if name.startswith("SetFit")}
    return [name for name in names if name not in left_out]


def main() -> None:
    options = asked()
    records: list[Record] = []
    prefix = shlex.split(options.prefix)
    job: Record = {"data": str(options.data.resolve() / "r8"), "documents": options.documents}
    job["steps"] = None if options.full else options.steps
    if set(options.parts) & {"score", "cold"}:
        job["bundles"] = bundles(options)
    job["peak"] = options.peak_tflops
    names = {"fit": taking_part(FITS, options), "score": taking_part(SCORES, options)}
    names["cold"] = [x for x in names["score"] if "compile" not in x]
    for repeat in range(options.repeats):
        for part in options.parts:
            for name in names[part]:
                one = {**job, "do": part, "contestant": name}
                if part == "cold":
                    with tempfile.TemporaryDirectory() as scratch:
                        figures = cold(one, Path(scratch))
                else:
                    figures = work(WORKER, one, prefix=prefix, env=OFFLINE)
                records.append({"do": part, "contestant": name} | figures)
                print(part, name, repeat, json.dumps(figures), file=sys.stderr, flush=True)
    text = "\n".join(table(records, part) for part in options.parts)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
