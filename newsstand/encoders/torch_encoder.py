"""A pretrained encoder in torch: vectors, token states and classifier scores of texts."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from newsstand.encoders.hub import weight_files
from newsstand.encoders.libraries import find_device, libraries
from newsstand.encoders.long_text import CHOICES, LongText
from newsstand.encoders.network_files import check_encoder, check_loaded, check_vocabulary
from newsstand.encoders.tokenizer import TokenReader, Tokens
from newsstand.errors import NewsstandError, reported
from newsstand.io.tensors import read_header
from newsstand.text.article import Span
from newsstand.text.example import Example
from newsstand.types import Device, Float32s, Floats

ENCODER_FOLDER = "encoder"  # in a bundle

# Tokens in a batch, padding included: enough to occupy the processor, few enough for its cache.
_CPU_BUDGET = 2048
_GPU_BUDGET = 65_536

# A network may have twice the weights in its files and this number more.
_EXTRA_WEIGHTS = 10_000_000

_CANNOT = "the encoder cannot read a text"


class Encoder(TokenReader):
    """A pretrained network with its tokenizer.

    Args:
        network: A model of transformers, in evaluation mode.
        tokenizer: Its fast tokenizer.
        max_tokens: Inputs are truncated to this number of tokens, special tokens included.
        long_text: What is read of a longer article.
    """

    requires: ClassVar[str] = "encoder"
    tolerance: ClassVar[float] = 1e-4  # rounding differs between batches

    def __init__(
        self, network: Any, tokenizer: Any, max_tokens: int, long_text: LongText = "head"
    ) -> None:
        super().__init__(
            tokenizer.backend_tokenizer,
            typed="token_type_ids" in tokenizer.model_input_names,
            max_tokens=max_tokens,
            long_text=long_text,
        )
        self.network = network
        self.tokenizer = tokenizer

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        max_tokens: int,
        long_text: LongText = "head",
        labels: int | None = None,
        device: Device = "auto",
        new_head: bool = True,
    ) -> Self:
        """Loads an encoder from a folder in transformers' format.

        No code in the folder is run and nothing is downloaded.

        Args:
            folder: A folder from `find_encoder`, or the `encoder` folder of a bundle.
            max_tokens: Inputs are truncated to this number of tokens.
            long_text: What is read of a longer article.
            labels: Number of outputs of a classifier on top; None for the bare encoder.
            device: Where to compute; `auto` uses a GPU if there is one.
            new_head: Initialise the classifier (or a pooler) randomly where the folder has no
                weights of its shape. All other weights must exist.

        Raises:
            NewsstandError: torch or transformers are not installed, the folder is unreadable or
                incomplete, the maximum length of the network is less than `max_tokens`, or there
                is no GPU.
        """
        _, transformers = libraries()
        place = find_device(device)
        check_encoder(folder)
        cannot = f"{folder}: not an encoder that transformers {transformers.__version__} can read"
        with reported(cannot):
            network = _network(folder, labels, new_head=new_head)
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            vocabulary = tokenizer.get_vocab()
            check_vocabulary(folder, vocabulary, len(network.get_input_embeddings().weight))
        if not tokenizer.is_fast:
            raise NewsstandError(f"{folder}: its tokenizer has no fast version (tokenizer.json)")
        with reported(cannot):
            longest = _longest(network.config, tokenizer)
        if max_tokens > longest:
            raise NewsstandError(
                f"model.max_tokens: this encoder reads at most {longest} tokens, got {max_tokens}"
            )
        return cls(network.to(place).eval(), tokenizer, max_tokens, long_text)

    @property
    def width(self) -> int:
        """Length of a vector."""
        return int(self.network.config.hidden_size)

    @property
    def labels(self) -> int:
        """Number of outputs of the classifier on top."""
        return int(self.network.config.num_labels)

    def _embedded(self, ids: Sequence[int]) -> Floats:
        """Returns the input embeddings of tokens, of norm 1, shape (tokens, width)."""
        torch, _ = libraries()
        table = self.network.get_input_embeddings().weight.detach()
        rows = table[torch.tensor(ids, dtype=torch.long, device=table.device)].double()
        normalized: Floats = torch.nn.functional.normalize(rows).cpu().numpy()
        return normalized

    def vectors(self, texts: Sequence[str], *, half: bool = False) -> Float32s:
        """Encodes texts as mean-pooled vectors of norm 1, float32, shape (texts, width).

        The mean is over all tokens, special ones included, as in sentence-transformers. Other
        texts of a batch change a vector by rounding only, by less than 1e-6.

        Args:
            texts: The texts to encode.
            half: Compute in bfloat16, which takes half the time on processors with instructions
                for it; the cosine similarity to the exact vector is .9999.
        """
        torch, _ = libraries()
        tokens = self.tokens(texts)
        device = self.network.device.type
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        for rows in self.batches(tokens):
            with (
                reported(_CANNOT),
                torch.inference_mode(),
                torch.autocast(device, torch.bfloat16, enabled=half),
            ):
                inputs = self.padded(tokens, rows)
                states = self.network(**inputs).last_hidden_state.float()
            mask = inputs["attention_mask"][..., None].to(states.dtype)
            mean = (states * mask).sum(dim=1) / mask.sum(dim=1)
            vectors[rows] = torch.nn.functional.normalize(mean).cpu().numpy()
        return vectors

    def states(self, text: str) -> tuple[Floats, list[Span]]:
        """Computes the last hidden state of each token of a text, and the token's span.

        Returns:
            States, shape (tokens, width), and spans; those of special tokens are empty.
        """
        torch, _ = libraries()
        [encoding] = self._encoded([text], truncation="longest_first")
        tokens = Tokens([encoding.ids], None)
        with reported(_CANNOT), torch.inference_mode():
            states = self.network(**self.padded(tokens, [0])).last_hidden_state[0]
        spans = [(int(start), int(end)) for start, end in encoding.offsets]
        return states.cpu().numpy().astype(np.float64), spans

    def scores(self, tokens: Tokens) -> Floats:
        """Computes the scores of the classifier on top, shape (inputs, labels)."""
        torch, _ = libraries()
        scores = np.zeros((len(tokens.ids), self.labels))
        for rows in self.batches(tokens):
            with reported(_CANNOT), torch.inference_mode():
                logits = self.network(**self.padded(tokens, rows)).logits
                scores[rows] = logits.float().cpu().numpy()
        return scores

    def batches(self, tokens: Tokens) -> Iterator[list[int]]:
        """Yields batches of inputs of similar length, longest first, within the token budget."""
        lengths = tokens.lengths()
        budget = _CPU_BUDGET if self.network.device.type == "cpu" else _GPU_BUDGET
        order = np.argsort(-lengths, kind="stable").tolist()
        while order:
            rows = max(1, budget // int(lengths[order[0]]))
            yield order[:rows]
            order = order[rows:]

    def padded(self, tokens: Tokens, rows: Sequence[int]) -> dict[str, Any]:
        """Returns a batch of inputs for the network, padded to its longest input."""
        torch, _ = libraries()
        width = max(len(tokens.ids[row]) for row in rows)
        ids = np.full((len(rows), width), self.tokenizer.pad_token_id or 0, dtype=np.int64)
        mask, segments = np.zeros_like(ids), np.zeros_like(ids)
        for line, row in enumerate(rows):
            size = len(tokens.ids[row])
            ids[line, :size] = tokens.ids[row]
            mask[line, :size] = 1
            if tokens.segments is not None:
                segments[line, :size] = tokens.segments[row]
        inputs = {"input_ids": ids, "attention_mask": mask}
        if tokens.segments is not None:
            inputs["token_type_ids"] = segments
        return {k: torch.from_numpy(v).to(self.network.device) for k, v in inputs.items()}

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes network and tokenizer into a bundle's folder, in transformers' format.

        Returns:
            The settings that `open_bundled` takes.
        """
        self.network.save_pretrained(folder / ENCODER_FOLDER)
        self.tokenizer.save_pretrained(folder / ENCODER_FOLDER)
        return {"max_tokens": self.max_tokens, "long_text": self.long_text}


def _network(folder: Path, labels: int | None, *, new_head: bool) -> Any:
    """Loads the network of a folder, with a classifier on top if `labels` is given."""
    torch, transformers = libraries()
    kind, more = transformers.AutoModel, {}
    if labels is not None:
        kind, more = transformers.AutoModelForSequenceClassification, {"num_labels": labels}
    options = {"local_files_only": True, "trust_remote_code": False, **more}
    _check_size(folder, kind, transformers.AutoConfig.from_pretrained(folder, **options))
    network, info = kind.from_pretrained(
        folder,
        dtype=torch.float32,
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # checked below, as missing weights are
        **options,
    )
    body = f"{network.base_model_prefix}."

    def new(name: str) -> bool:
        head = labels is not None and not name.startswith(body)
        return new_head and (head or "pooler." in name)

    check_loaded(folder, info, network, new=new)
    # The sum is faster, but may overflow although all weights are finite.
    for name, weights in network.named_parameters():
        if not weights.sum().isfinite() and not weights.isfinite().all():
            raise NewsstandError(f"{folder}: '{name}' holds numbers that are not finite")
    return network


def _check_size(folder: Path, kind: Any, config: Any) -> None:
    """Refuses a network whose config describes many more weights than its files contain.

    The network is built on the meta device, without memory for its weights.
    """
    torch, _ = libraries()
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network = kind.from_config(config, trust_remote_code=False)
    needed = sum(tensor.numel() for tensor in chain(network.parameters(), network.buffers()))
    shapes = [shape for path in weight_files(folder) for _, shape in read_header(path).values()]
    held = sum(prod(shape) for shape in shapes)
    if needed > 2 * held + _EXTRA_WEIGHTS:
        raise NewsstandError(
            f"{folder}: its config.json describes {needed:,} weights, its files contain {held:,}"
        )


def _longest(config: Any, tokenizer: Any) -> int:
    """Returns the maximum number of tokens of an input, special tokens included."""
    positions = int(getattr(config, "max_position_embeddings", 0) or tokenizer.model_max_length)
    if "roberta" in config.model_type:  # its positions begin after the padding id
        positions -= int(config.pad_token_id) + 1
    return min(positions, int(tokenizer.model_max_length))


def token_counter(
    folder: Path, *, max_tokens: int, wordings: Sequence[str], stance: bool
) -> Callable[[Example], dict[str, tuple[int, int]]]:
    """Returns a function that counts the tokens of an example read by each choice for long texts.

    Args:
        folder: The folder of the encoder, from `find_encoder`.
        max_tokens: Maximum number of tokens of an input.
        wordings: Wordings of the second texts of pairs; empty where texts are read alone.
        stance: Whether examples have targets; without, `relevant` is left out.

    Returns:
        A function from an example to the tokens read and all tokens, by choice.
    """
    encoder = Encoder.open(folder, max_tokens=max_tokens)
    readers = {
        choice: Encoder(encoder.network, encoder.tokenizer, max_tokens, choice)
        for choice in CHOICES
        if stance or choice != "relevant"
    }

    def count(example: Example) -> dict[str, tuple[int, int]]:
        beside = [encoder.worded(wording, example.target or "") for wording in wordings]
        return {
            choice: reader.tokens_read(example, beside=beside) for choice, reader in readers.items()
        }

    return count
