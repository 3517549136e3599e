"""Tiny models with random weights, of each family: what is read and computed, not how well."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from newsstand.features.weighting import Features, FeatureSpec
from newsstand.io.bundle import Bundle
from newsstand.labels import LabelSet
from newsstand.models.base import Model
from newsstand.models.calibration import Calibration
from newsstand.models.embedding import EmbeddingModel
from newsstand.models.linear import LinearModel
from newsstand.models.transformer import TransformerModel
from newsstand.text.article import Article
from newsstand.text.example import encode
from newsstand.text.normalize import TextSpec
from references import small_reference

LABELS = ("near", "far", "none")
TEXTS = (
    "Rain and snow fell on the hills overnight, and strong winds are forecast.",
    "The coach praised the goalkeeper after the match.",
    "Shares fell as the bank raised interest rates.",
    "فاز الفريق في المباراة النهائية.",
)


def make_encoder(folder: Path, texts: Sequence[str] = TEXTS) -> None:
    """An encoder in transformers' format, of two layers and 24 numbers, that knows some texts."""
    import torch
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    normalizer = normalizers.BertNormalizer(lowercase=True)
    cut = pre_tokenizers.BertPreTokenizer()
    plain = [normalizer.normalize_str(text) for text in texts]
    known = sorted({word for text in plain for word, _ in cut.pre_tokenize_str(text)})
    letters = sorted(set("".join(known)))
    # Spelt out, as a trained vocabulary differs from run to run; longer words are cut in pieces.
    pieces = [*special, *letters, *(f"##{x}" for x in letters), *(x for x in known if len(x) > 1)]
    short = [piece for piece in dict.fromkeys(pieces) if len(piece) < 10]
    words = Tokenizer(WordPiece({x: n for n, x in enumerate(short)}, unk_token="[UNK]"))
    words.normalizer, words.pre_tokenizer = normalizer, cut
    ends = [(name, words.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    PreTrainedTokenizerFast(
        tokenizer_object=words,
        model_max_length=64,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(folder)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=words.get_vocab_size(),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        initializer_range=0.2,  # else all texts look nearly alike
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)


def make_bundle(family: str, folder: Path, encoder: Path | None = None) -> None:
    """Writes a bundle with golden rows.

    Args:
        family: `linear`, `embedding`, `transformer`, or `exported`, of a transformer.
        folder: Where to.
        encoder: What `make_encoder` has made, for the last three.
    """
    bundle = Bundle(
        task="topic",
        labels=LabelSet.of(LABELS),
        text=TextSpec(),
        model=_model(family, folder, encoder),
        calibration=Calibration("temperature", (1.5,)),
        data={"digest": "0" * 32, "rows": {"train": 4}},
        versions={"numpy": "2.0"},
        reference=small_reference(len(LABELS)),
    )
    bundle.save(folder, [(Article(title="News", body=body), None) for body in TEXTS])


def _model(family: str, folder: Path, encoder: Path | None) -> Model:
    random = np.random.default_rng(4)

    def drawn(*shape: int) -> NDArray[np.float32]:
        return random.normal(size=shape).astype(np.float32)

    examples = [encode(Article(body=body), "the match", TextSpec()) for body in TEXTS]
    if family == "linear":
        features = Features.fit(FeatureSpec(chars=(3, 3), bits=12, fields={"lead": 0.5}), examples)
        columns = sum(len(block.buckets) for block in features.blocks)
        return LinearModel(features, drawn(columns, 3), drawn(3)).rounded("int8")
    return _encoded(family, folder, encoder, drawn)


def _encoded(
    family: str, folder: Path, source: Path | None, drawn: Callable[..., NDArray[np.float32]]
) -> Model:
    import torch

    from newsstand.encoders.torch_encoder import Encoder
    from newsstand.train.families.transformer import export_model

    assert source is not None
    if family == "embedding":
        encoder = Encoder.open(source, max_tokens=24, long_text="windows", device="cpu")
        return EmbeddingModel(encoder, drawn(24, 3), drawn(3))
    torch.manual_seed(3)
    encoder = Encoder.open(source, max_tokens=24, long_text="windows", labels=3, device="cpu")
    with torch.no_grad():  # as a fit leaves it, and not all but zero
        encoder.network.classifier.weight.mul_(20)
    model = TransformerModel(encoder)
    return (
        export_model(model, folder.with_name("exported-network")) if family == "exported" else model
    )
