"""Trains runs in three experiments, and makes screenshots of their pages in the MLflow UI.

    pip install playwright
    python tests/bench/screenshots.py FOLDER [--runs 50] [--store STORE] [--chromium PATH]

Writes a PNG per page into FOLDER and prints where a click on an experiment leads. The store is made
in STORE, or used again if it exists. The pictures of docs/tracking.md are `runs.png`, `run.png` and
`compare.png`.
"""

import argparse
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).parents[2]
WIRES = """
task: topic
labels: from-data
data: {format: table, path: wires.csv}
model: {kind: linear, words: [1, 1], bits: 12}
tracking: {experiment: wires, register_as: wires, alias: champion}
"""
TOPIC, STANCE = (str(ROOT / f"configs/{name}-linear.yaml") for name in ("topic", "stance"))
SMALL = ("model.bits=16", "model.refit=false")
NAMED = [
    (TOPIC, "topic-linear", ()),
    (TOPIC, "words", ("model.chars=null", "model.words=[1,2]", *SMALL)),
    (TOPIC, "characters", ("model.words=null", "model.chars=[3,6]", *SMALL)),
    (STANCE, "stance-linear", ()),
]


def write_table(path: Path) -> None:
    lines = ["body,label,split"]
    for split, count in (("train", 60), ("validation", 15), ("test", 30)):
        for label, word in (("sport", "goal"), ("economy", "shares"), ("weather", "storm")):
            for i in range(count):
                other = ("shares", "storm", "goal")[i % 3] if i % 4 == 0 else word
                lines.append(f"the {other} of {split} {i} {word if i % 7 else ''},{label},{split}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_runs(store: Path, count: int) -> None:
    """Trains the named runs, and small ones of all three experiments with several values of C."""
    from newsstand.config.loader import load_config
    from newsstand.train.run import train
    from newsstand.train.stage_timer import SilentReporter

    # MLflow shows these, as of the command run by a user.
    sys.argv[0], os.environ["LOGNAME"] = "newsstand", "editor"
    (store / "wires.yaml").write_text(WIRES, encoding="utf-8")
    write_table(store / "wires.csv")
    values = (round(0.01 * 1.3**i, 3) for i in itertools.count())
    cheap = ("model.chars=null", *SMALL)
    kinds = [(TOPIC, cheap), ("wires.yaml", ()), (STANCE, cheap), ("wires.yaml", ())]
    swept = (
        (config, f"{Path(config).stem.partition('-')[0]} C={C}", (f"model.C={C}", *more))
        for C in values
        for config, more in kinds
    )
    for config, name, settings in itertools.islice(itertools.chain(NAMED, swept), count):
        loaded = load_config(config, [*settings, f"tracking.run_name='{name}'"])
        print(train(loaded, name=name, reporter=SilentReporter()).runs_url, name, flush=True)


@contextmanager
def mlflow_ui() -> Iterator[str]:
    """`mlflow ui` of the working directory on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(port), "--workers", "1"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen(
        [*command, "--backend-store-uri", os.environ["MLFLOW_TRACKING_URI"]],
        env=os.environ | quiet,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(120):
            time.sleep(1)
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, 15)


class Pages:
    """Pages of the UI in a headless browser.

    Args:
        browser: Playwright's browser.
        host: Address of the UI.
        folder: The folder of the screenshots.
    """

    def __init__(self, browser: Any, host: str, folder: Path) -> None:
        self.host = host
        self.folder = folder
        self.context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = self._open("/#/experiments")
        self._click(page.get_by_label("Close").last)  # the assistant, which is open at first
        self._shot(page, "experiments")
        page.close()

    def _open(self, address: str) -> Any:
        page = self.context.new_page()
        page.goto(self.host + address)
        page.wait_for_timeout(6000)
        for hint in ("Got it", "Try it now"):  # what is new, shown once
            self._click(page.get_by_role("button", name=hint))
        return page

    def _click(self, place: Any) -> None:
        if place.count():
            place.click()
            place.page.wait_for_timeout(1000)

    def _shot(self, page: Any, name: str) -> None:
        page.screenshot(path=str(self.folder / f"{name}.png"))

    def shot(self, name: str, address: str, *, click: str | None = None, height: int = 900) -> str:
        """Makes a screenshot of a page, after a click on a text; returns the page's address."""
        page = self._open(address)
        page.set_viewport_size({"width": 1440, "height": height})
        if click is not None:
            page.get_by_text(click, exact=True).first.click()
            page.wait_for_timeout(6000)
        shown = self.context.pages[-1]  # some links open a new one
        self._shot(shown, name)
        found = str(shown.url)
        for opened in self.context.pages:
            opened.close()
        return found.removeprefix(self.host)


def make_screenshots(pages: Pages) -> None:
    from mlflow import MlflowClient

    client, kind = MlflowClient(), "?workflowType=machine_learning"
    experiment = client.get_experiment_by_name("topic")
    assert experiment is not None
    number = experiment.experiment_id
    runs = {run.info.run_name: run for run in client.search_runs([number])}
    one, chosen = runs["topic-linear"], [runs[x] for x in ("topic-linear", "words", "characters")]
    home = f"/#/experiments/{number}"
    print("a click leads to", pages.shot("click", "/#/experiments", click="topic"))
    link = "Table of all runs"
    print("the link there to", pages.shot("link", home, click=link))
    pages.shot("default", f"{home}/runs{kind}")
    pages.shot("runs", f"{home}/runs{kind}&viewStateShareKey=newsstand", height=660)
    page = f"{home}/runs/{one.info.run_id}"
    pages.shot("run", page + kind)
    pages.shot("metrics", f"{page}/model-metrics{kind}")
    pages.shot("artifacts", f"{page}/artifacts{kind}")
    pages.shot("models", f"{home}/models{kind}")
    model = one.outputs.model_outputs[0].model_id
    pages.shot("model", f"{home}/models/{model}{kind}")
    pages.shot("registered", f"/#/models{kind}")
    pages.shot("registered-model", f"/#/models/topic{kind}")
    pages.shot("version", f"/#/models/topic/versions/1{kind}")
    ids = quote(json.dumps([run.info.run_id for run in chosen]))
    experiments = quote(json.dumps([number]))
    pages.shot(
        "compare", f"/#/compare-runs?runs={ids}&experiments={experiments}&{kind[1:]}", height=660
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright  # an extra package

    folder, store = options.folder.resolve(), options.store and options.store.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        place = store or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        os.chdir(place)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{place}/mlflow.db"
        if not (place / "mlflow.db").exists():
            make_runs(place, options.runs)
        flags = ["--no-sandbox"]
        with mlflow_ui() as host:
            browser = playwright.chromium.launch(executable_path=options.chromium, args=flags)
            make_screenshots(Pages(browser, host, folder))
            browser.close()


if __name__ == "__main__":
    main()
