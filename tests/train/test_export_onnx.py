"""Exported encoders: they score as the network does, in any batch, without torch."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from mlflow import MlflowClient
from transformers import DistilBertConfig, DistilBertModel, RobertaConfig, RobertaModel

from mutations import changed, outcome, probabilities
from newsstand.encoders.long_text import LongText
from newsstand.encoders.onnx_encoder import ExportedEncoder, _has_vnni, open_bundled
from newsstand.encoders.torch_encoder import Encoder
from newsstand.errors import NewsstandError
from newsstand.io.bundle import Bundle, verify
from newsstand.labels import LabelSet
from newsstand.models.calibration import Calibration
from newsstand.models.embedding import EmbeddingModel
from newsstand.models.transformer import TransformerModel
from newsstand.serve.scorer import Scorer
from newsstand.text.article import Article
from newsstand.text.example import Example, encode
from newsstand.text.normalize import TextSpec
from newsstand.train.families import embedding, transformer
from newsstand.train.families.export_onnx import OnnxCost, export_encoder

BODIES = [
    "The striker scored twice.",
    "Snow fell overnight, and strong winds brought heavy rain to the coast. " * 3,
    "Shares fell.",
    "The bank raised interest rates.",
]
EXAMPLES = [encode(Article(title="News", body=body), None, TextSpec()) for body in BODIES]
PAIRS = [encode(Article(body=body), "the levy", TextSpec()) for body in BODIES]


def classifier(folder: Path, seed: int = 3) -> TransformerModel:
    torch.manual_seed(seed)
    encoder = Encoder.open(folder, max_tokens=24, labels=3, device="cpu")
    with torch.no_grad():
        encoder.network.classifier.weight.mul_(20)
    return TransformerModel(encoder)


@pytest.fixture(scope="module")
def model(tiny_encoder: Path) -> TransformerModel:
    return classifier(tiny_encoder)


@pytest.fixture(scope="module")
def exported(model: TransformerModel, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return transformer.export_model(model, tmp_path_factory.mktemp("exported"))


@pytest.mark.parametrize("examples", [EXAMPLES, PAIRS])
def test_scores_are_nearly_those_of_the_network(
    model: TransformerModel, exported: TransformerModel, examples: list[Example]
) -> None:
    before, after = model.forward(examples), exported.forward(examples)
    assert after.shape == before.shape == (4, 3)
    # A network of 24 random numbers a token is rounded more coarsely than a trained one.
    assert 0 < np.abs(before - after).max() < 0.2 * np.abs(before).max()
    assert exported.encoder.labels == 3
    assert exported.forward([]).shape == (0, 3)


def test_processors_that_would_overflow_score_the_same(
    exported: TransformerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported.encoder.save(tmp_path)
    scores = []
    for vnni in (True, False):
        monkeypatch.setattr("newsstand.encoders.onnx_encoder._has_vnni", lambda vnni=vnni: vnni)
        encoder = ExportedEncoder.open(tmp_path, max_tokens=24, long_text="head")
        scores.append(TransformerModel(encoder).forward(EXAMPLES))
        if not vnni:
            options = encoder._session.get_session_options()
            assert options.get_session_config_entry("session.x64quantprecision") == "1"
    if _has_vnni():  # elsewhere the first of them overflows
        np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)


def test_vnni_is_read_from_cpuinfo(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    assert not _has_vnni(cpuinfo)
    cpuinfo.write_text("flags : fpu avx2 avx512f\n")
    assert not _has_vnni(cpuinfo)
    cpuinfo.write_text("flags : fpu avx2 avx512_vnni avx512_bf16\n")
    assert _has_vnni(cpuinfo)


def test_a_score_does_not_depend_on_the_batch(exported: TransformerModel) -> None:
    together = exported.forward([*EXAMPLES, *EXAMPLES[::-1]])
    alone = np.vstack([exported.forward([example]) for example in EXAMPLES])
    assert (together == np.vstack([alone, alone[::-1]])).all()


@pytest.mark.parametrize("family", ["distilbert", "roberta"])
def test_other_architectures_are_exported(family: str, tiny_encoder: Path, tmp_path: Path) -> None:
    small = {"vocab_size": 400, "initializer_range": 0.2, "max_position_embeddings": 66}
    network: Any
    if family == "distilbert":
        network = DistilBertModel(
            DistilBertConfig(**small, dim=24, n_layers=1, n_heads=2, hidden_dim=48)
        )
    else:
        wide = {"hidden_size": 24, "intermediate_size": 48}
        heads = {"num_hidden_layers": 1, "num_attention_heads": 2}
        network = RobertaModel(RobertaConfig(**small, **wide, **heads, pad_token_id=0))
    plain = Encoder.open(tiny_encoder, max_tokens=24, device="cpu")
    plain.tokenizer.model_input_names = ["input_ids", "attention_mask"]
    encoder = Encoder(network.eval(), plain.tokenizer, 24)
    exported = export_encoder(encoder, tmp_path, gives="states")
    before, after = encoder.vectors(BODIES), exported.vectors(BODIES)
    assert (before * after).sum(axis=1).min() > 0.98  # cosines
    assert exported.width == 24


def test_vectors_and_states_are_nearly_those_of_the_network(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    encoder = Encoder.open(tiny_encoder, max_tokens=24, device="cpu")
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(24, 3)).astype(np.float32)
    model = EmbeddingModel(encoder, weights, np.zeros(3, np.float32), vectors=encoder.vectors)
    exported = embedding.export_model(model, tmp_path)
    assert isinstance(exported.encoder, ExportedEncoder)
    before, after = encoder.vectors(BODIES), exported.encoder.vectors(BODIES)
    assert (before * after).sum(axis=1).min() > 0.98  # cosines
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, rtol=1e-5)
    (states, places), (same, there) = (x.states(BODIES[0]) for x in (encoder, exported.encoder))
    assert states.shape == same.shape
    assert places == there
    assert exported.forward(EXAMPLES).shape == (4, 3)
    assert exported.gains(EXAMPLES[0], 1).shape == (len(EXAMPLES[0].text),)


def test_an_export_that_reads_targets_compares_them_as_the_network_does(
    model: TransformerModel, exported: TransformerModel, tmp_path: Path
) -> None:
    assert not exported.encoder.has_embeddings
    paired = transformer.export_model(model, tmp_path / "paired", compares=True)
    assert paired.encoder.has_embeddings
    pairs = [encode(Article(body=body), "the storm", TextSpec()) for body in BODIES]
    similarity = paired.similarity(pairs)
    assert np.isfinite(similarity).all()
    assert len(set(similarity.tolist())) == len(BODIES)
    np.testing.assert_allclose(similarity, model.similarity(pairs), rtol=1e-6)


def test_the_loss_is_measured_and_limited() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2] * 100)
    before = np.eye(3)[labels] * 4.0
    after = before.copy()
    after[:2] = [0.0, 9.0, 0.0]
    lost = OnnxCost.measure(before, after, labels, "temperature")
    assert lost.agreement == pytest.approx(598 / 600)
    assert lost.macro_f1[0] == 1.0
    assert lost.macro_f1[1] == pytest.approx(0.9967, abs=1e-4)
    assert lost.within_tolerance
    after[:12:2] = [0.0, 9.0, 0.0]
    lost = OnnxCost.measure(before, after, labels, "temperature")
    assert not lost.within_tolerance
    assert str(lost).startswith("not exported, as int8 loses too much: the same label for 99.")
    assert set(lost.metrics()) == {
        f"export/{x}"
        for x in ("agreement", "before_macro_f1", "after_macro_f1", "before_ece", "after_ece")
    }


def bundle(model: Any) -> Bundle:
    return Bundle(
        task="topic",
        labels=LabelSet("list", {x: x for x in ("sport", "weather", "economy")}),
        text=TextSpec(),
        model=model,
        calibration=Calibration("temperature", (1.0,)),
    )


SCORE = """
import sys
from newsstand.cli.main import main
sys.argv = ["newsstand", "score", "--model", "b", "--format", "jsonl", "a.txt"]
try:
    main()
finally:
    print({"torch", "transformers"} & set(sys.modules), file=sys.stderr)
"""


def test_its_bundle_scores_without_torch(exported: TransformerModel, tmp_path: Path) -> None:
    golden = [(Article(title="News", body=BODIES[0]), None)]
    whole = bundle(exported)
    first = whole.save(tmp_path / "b", golden)
    assert (tmp_path / "b" / "encoder.int8.onnx").is_file()
    assert (tmp_path / "b" / "encoder" / "model.safetensors").is_file()
    assert verify(tmp_path / "b") == 1
    (tmp_path / "a.txt").write_text(BODIES[0])
    done = subprocess.run(
        [sys.executable, "-c", SCORE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "set()"
    expected = whole.probabilities([whole.encode(Article(body=BODIES[0]))])[0].max()
    assert json.loads(done.stdout)["probability"] == pytest.approx(expected, abs=1e-4)
    # Loaded and saved again, it is the same.
    again = Bundle.load(tmp_path / "b")
    assert isinstance(again.model, TransformerModel)
    assert isinstance(again.model.encoder, ExportedEncoder)
    assert replace(again).save(tmp_path / "again", golden) == first


def test_workers_score_equally_without_the_bundle_folder(
    exported: TransformerModel, tmp_path: Path
) -> None:
    bundle(exported).save(tmp_path / "b", [])
    loaded = Bundle.load(tmp_path / "b")
    shutil.rmtree(tmp_path / "b")
    scorer = Scorer(loaded)
    alone = list(scorer.score_many(BODIES))
    assert list(scorer.score_many(BODIES, workers=2)) == alone
    assert [score.probabilities for score in alone] == [
        score.probabilities for score in Scorer(bundle(exported)).score_many(BODIES)
    ]


def test_on_a_gpu_it_is_the_network_of_torch_that_scores(
    exported: TransformerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = exported.save(tmp_path)
    monkeypatch.setattr("newsstand.encoders.onnx_encoder.torch_sees_a_gpu", lambda: True)
    assert isinstance(open_bundled(tmp_path, **settings), Encoder)
    assert isinstance(open_bundled(tmp_path, **settings, device="cpu"), ExportedEncoder)
    assert isinstance(open_bundled(tmp_path, **{**settings, "onnx": None}), Encoder)


def test_damaged_or_missing_files_are_errors(
    exported: TransformerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = exported.save(tmp_path)
    onnx = tmp_path / "encoder.int8.onnx"
    kept = onnx.read_bytes()
    onnx.write_bytes(kept[:1000])
    with pytest.raises(NewsstandError, match=r"int8\.onnx: not a network that onnxruntime"):
        open_bundled(tmp_path, **settings)
    onnx.write_bytes(kept)
    words = tmp_path / "encoder" / "tokenizer.json"
    whole = words.read_text()
    values = json.loads(whole)
    values["model"]["vocab"]["more"] = 10_000
    words.write_text(json.dumps(values))
    with pytest.raises(
        NewsstandError, match=r"tokenizer's vocabulary .* does not match the network's"
    ):
        open_bundled(tmp_path, **settings)
    words.write_text("{}")
    with pytest.raises(NewsstandError, match=r"tokenizer\.json: not a tokenizer"):
        open_bundled(tmp_path, **settings)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(NewsstandError, match=r"pip install 'newsstand\[onnx\]'"):
        open_bundled(tmp_path, **settings)


def test_weights_in_other_files_are_not_read(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("input_ids", "scores")
    table = onnx.numpy_helper.from_array(np.zeros((4, 3), np.float32), "table")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gather", ["table", "input_ids"], ["scores"])],
        "of one table",
        [onnx.helper.make_tensor_value_info(names[0], onnx.TensorProto.INT64, [1, "n"])],
        [onnx.helper.make_tensor_value_info(names[1], onnx.TensorProto.FLOAT, [1, "n", 3])],
        [table],
    )
    network = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    network.ir_version = 10
    shutil.copytree(tiny_encoder, tmp_path / "encoder")
    path = tmp_path / "encoder.int8.onnx"
    path.write_bytes(network.SerializeToString())
    assert ExportedEncoder.open(tmp_path, max_tokens=24, long_text="head").width == 3
    onnx.external_data_helper.set_external_data(table, "../elsewhere")
    table.ClearField("raw_data")
    graph.initializer[0].CopyFrom(table)
    network.graph.CopyFrom(graph)
    path.write_bytes(network.SerializeToString())
    with pytest.raises(NewsstandError, match="weights are in other files, which are not read"):
        ExportedEncoder.open(tmp_path, max_tokens=24, long_text="head")
    network.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.eye(3)[0], "table"))
    network.graph.output[0].type.tensor_type.shape.dim[2].dim_param = "width"
    path.write_bytes(network.SerializeToString())
    with pytest.raises(NewsstandError, match=r"int8\.onnx: not "):
        ExportedEncoder.open(tmp_path, max_tokens=24, long_text="head")


def test_threads_that_share_an_encoder_score_as_one_does(exported: TransformerModel) -> None:
    encoder = exported.encoder
    assert isinstance(encoder, ExportedEncoder)
    model = TransformerModel(replaced(encoder, long_text="windows"))
    examples = [*EXAMPLES, *PAIRS] * 6
    alone = [model.forward([example]) for example in examples]
    with ThreadPoolExecutor(8) as workers:
        found = list(workers.map(lambda example: model.forward([example]), examples))
    assert all((one == other).all() for one, other in zip(alone, found, strict=True))


def replaced(encoder: ExportedEncoder, *, long_text: LongText) -> ExportedEncoder:
    return ExportedEncoder(
        encoder._path, encoder._words, encoder._source, max_tokens=16, long_text=long_text
    )


def test_changed_bundles_are_refused_or_the_same(
    exported: TransformerModel, tmp_path: Path
) -> None:
    labels = LabelSet.of(["sport", "weather", "economy"])
    temperature = Calibration("temperature", (1.0,))
    whole = Bundle(
        task="topic", labels=labels, text=TextSpec(), model=exported, calibration=temperature
    )
    whole.save(tmp_path / "whole")
    expected = probabilities(whole)
    for number in range(24):
        sealed = number % 4 > 0
        (tmp_path / f"{number}").mkdir()
        folder = tmp_path / f"{number}" / "bundle"
        way = changed(random.Random(number), tmp_path / "whole", folder, sealed=sealed)
        message = outcome(folder, expected)
        right = ("refused: ", "same", "other") if sealed else ("refused: ", "same")
        assert message.startswith(right), f"{number}, {way}: {message}"


CONFIG = """
task: topic
labels: [sport, weather, economy]
seed: 5
data: {format: table, path: rows.csv, near_duplicates: null, repeats: keep}
model: {kind: KIND, encoder: ENCODER, max_tokens: 24, device: cpu, MORE}
export: {onnx: int8}
tracking: {experiment: exported}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("embedding", "refit: true"),
        ("transformer", "epochs: 1, precision: fp32"),
        ("transformer", "epochs: 1, precision: fp32, refit: true"),
    ],
)
def test_a_run_exports_and_evaluates_the_exported_model(
    kind: str,
    more: str,
    tiny_encoder: Path,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Callable[..., Any],
) -> None:
    lines = [
        f"{split},{label},{text}\n"
        for split in ("train", "validation", "test")
        for label, text in zip(
            ("sport", "weather", "economy", "economy"), map(repr, BODIES), strict=True
        )
    ]
    Path("rows.csv").write_text("split,label,body\n" + "".join(x.replace("'", '"') for x in lines))
    text = CONFIG.replace("KIND", kind).replace("MORE", more)
    Path("c.yaml").write_text(text.replace("ENCODER", str(tiny_encoder)))
    monkeypatch.setattr(sys.modules["newsstand.train.families.export_onnx"], "MAX_F1_LOSS", 1.0)
    done = cli("train", "c.yaml", "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert "int8: the same label for" in done.err
    logged = MlflowClient().get_run(result["run_id"]).data.metrics
    assert logged["export/agreement"] == result["metrics"]["export/agreement"] > 0.5
    again = Bundle.load(Path(result["bundle"]))
    assert isinstance(again.model, (EmbeddingModel, TransformerModel))
    assert isinstance(again.model.encoder, ExportedEncoder)
    examples = [again.encode(Article(body=body)) for body in BODIES]
    right = again.probabilities(examples).argmax(axis=1) == [0, 1, 2, 2]
    assert result["metrics"]["test/accuracy"] == right.mean()
    requirements = list(Path("mlruns").rglob("requirements.txt"))
    assert "newsstand[onnx]" in requirements[0].read_text()
    # If the loss is not within tolerance, the model is not exported.
    monkeypatch.setattr(sys.modules["newsstand.train.families.export_onnx"], "MAX_F1_LOSS", -2.0)
    done = cli("train", "c.yaml", "--json")
    assert done.code == 0, done.err
    assert "not exported, as int8 loses too much" in done.err
    again = Bundle.load(Path(json.loads(done.out)["bundle"]))
    assert isinstance(again.model, (EmbeddingModel, TransformerModel))
    assert isinstance(again.model.encoder, Encoder)


@pytest.mark.parametrize("accepted", [[True, True], [True, False]])
def test_a_refitted_model_is_measured_again(
    accepted: list[bool],
    tiny_encoder: Path,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Callable[..., Any],
) -> None:
    rows = [
        json.dumps({"split": split, "label": label, "body": body})
        for split in ("train", "validation", "test")
        for label, body in zip(("sport", "weather", "economy", "economy"), BODIES, strict=True)
    ]
    Path("rows.jsonl").write_text("\n".join(rows))
    text = CONFIG.replace("KIND", "transformer").replace("MORE", "epochs: 1, refit: true")
    text = text.replace("ENCODER", str(tiny_encoder)).replace("rows.csv", "rows.jsonl")
    Path("c.yaml").write_text(text)
    verdicts = [x for x in accepted for _ in range(2)]  # for the model and for the note
    monkeypatch.setattr(OnnxCost, "within_tolerance", property(lambda _: verdicts.pop(0)))
    done = cli("train", "c.yaml", "--json")
    assert done.code == 0, done.err
    assert not verdicts
    [note] = [line for line in done.err.splitlines() if "refit on all" in line]
    verdict = "int8" if accepted[1] else "not exported, as int8 loses too much"
    assert f"validation rows; {verdict}: the same label for" in note
    model = Bundle.load(Path(json.loads(done.out)["bundle"])).model
    assert isinstance(model, TransformerModel)
    assert isinstance(model.encoder, ExportedEncoder if accepted[1] else Encoder)


def test_both_models_read_the_same_relevant_excerpts(tiny_encoder: Path, tmp_path: Path) -> None:
    long = [encode(Article(body=" ".join(BODIES)), x, TextSpec()) for x in ("rain", "the bank")]
    torch.manual_seed(3)
    encoder = Encoder.open(
        tiny_encoder, max_tokens=24, long_text="relevant", labels=3, device="cpu"
    )
    model = TransformerModel(encoder)
    exported = transformer.export_model(model, tmp_path / "exported")
    loaded = TransformerModel.load(tmp_path / "b", exported.save(tmp_path / "b"))
    assert isinstance(loaded.encoder, ExportedEncoder)
    read = [model.window_texts(item) for item in long]
    assert read[0] != read[1]
    assert [exported.window_texts(item) for item in long] == read
    assert [loaded.window_texts(item) for item in long] == read
    assert (loaded.forward(long) == exported.forward(long)).all()
    (tmp_path / "b" / "encoder" / "model.safetensors").write_bytes(b"short")
    with pytest.raises(NewsstandError, match=r"the input embeddings .* cannot be read"):
        TransformerModel.load(tmp_path / "b", exported.save(tmp_path / "c"))


def test_models_without_an_encoder_are_refused(tmp_path: Path, cli: Callable[..., Any]) -> None:
    text = CONFIG.replace("KIND", "transformer").replace("MORE", "epochs: 1")
    (tmp_path / "c.yaml").write_text(text.replace("ENCODER", "x"))
    done = cli("config", str(tmp_path / "c.yaml"), "model={kind: linear}")
    assert done.code == 2
    assert "export.onnx: only a model with an encoder has a network to export" in done.err


def test_an_exported_network_names_no_files_of_this_machine(
    exported: TransformerModel, tmp_path: Path
) -> None:
    exported.save(tmp_path / "b")
    network = (tmp_path / "b" / "encoder.int8.onnx").read_bytes()
    assert b".py" not in network
    assert b"stack_trace" not in network
