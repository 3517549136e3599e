"""The encoder: from token numbers to what a pretrained network makes of them, by torch."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from newsstand.encoders.hub import weight_files
from newsstand.encoders.libraries import find_device, libraries, quiet
from newsstand.encoders.long_text import CHOICES, LongText, Span
from newsstand.encoders.network_files import check_encoder, check_loaded, check_vocabulary
from newsstand.encoders.tokenizer import TokenReader, Tokens
from newsstand.errors import NewsstandError, reported
from newsstand.io.tensors import read_header
from newsstand.text.example import Example
from newsstand.types import Float32s

ENCODER_FOLDER = "encoder"  # in a bundle

# Tokens of a batch, padding included: enough to keep the processor busy, few enough for its cache.
_CPU_BUDGET = 2048
_GPU_BUDGET = 65_536

# More numbers than twice those in its files, and so many, no network needs.
_SPARE = 10_000_000

_CANNOT = "the encoder cannot read a text"


class Encoder(TokenReader):
    """A pretrained network with its tokenizer.

    Args:
        network: A model of transformers, in evaluation mode.
        tokenizer: Its tokenizer, a fast one.
        max_tokens: Inputs are cut to so many tokens, special tokens included.
        long_text: What is read of a longer article.
    """

    requires: ClassVar[str] = "encoder"
    tolerance: ClassVar[float] = 1e-4  # sums are rounded as batches fall

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
        device: Literal["auto", "cpu", "cuda"] = "auto",
        new_head: bool = True,
    ) -> Self:
        """Reads an encoder from a folder in transformers' format.

        No code in it is run, and nothing is fetched, whatever its files say.

        Args:
            folder: As `find_encoder` gives it, or the `encoder` folder of a bundle.
            max_tokens: Inputs are cut to so many tokens.
            long_text: What is read of a longer article.
            labels: None for the bare encoder; else the outputs of a classifier on top of it.
            device: Where to compute; `auto` takes a GPU if there is one.
            new_head: Give the classifier (or a pooler) random weights where the folder has none of
                that shape. All other weights must be there.

        Raises:
            NewsstandError: torch or transformers are not installed, the folder cannot be read or
                is incomplete, it reads fewer tokens than asked for, or there is no GPU.
        """
        _, transformers = libraries()
        place = find_device(device)
        check_encoder(folder)
        cannot = f"{folder}: not an encoder that transformers {transformers.__version__} can read"
        with reported(cannot), quiet():
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
        """Numbers in a vector."""
        return int(self.network.config.hidden_size)

    @property
    def labels(self) -> int:
        """Outputs of the classifier on top."""
        return int(self.network.config.num_labels)

    def _embedded(self, ids: Sequence[int]) -> NDArray[np.float64]:
        """The network's input embeddings of tokens, of length 1, shape (tokens, width)."""
        torch, _ = libraries()
        table = self.network.get_input_embeddings().weight.detach()
        found = table[torch.tensor(ids, dtype=torch.long, device=table.device)].double()
        unit: NDArray[np.float64] = torch.nn.functional.normalize(found).cpu().numpy()
        return unit

    def vectors(self, texts: Sequence[str], *, half: bool = False) -> Float32s:
        """Mean-pooled vectors of length 1, float32, shape (texts, width), in the order given.

        The mean is over all tokens, special ones included, as sentence-transformers has it. A
        text's vector depends on the texts beside it by rounding only, below 1e-6.

        Args:
            texts: What to encode.
            half: Compute in bfloat16, which takes half the time where the processor multiplies in
                it; the cosine to the exact vector is .9999.
        """
        torch, _ = libraries()
        tokens = self.tokens(texts)
        device = self.network.device.type
        found = np.zeros((len(texts), self.width), dtype=np.float32)
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
            found[rows] = torch.nn.functional.normalize(mean).cpu().numpy()
        return found

    def states(self, text: str) -> tuple[NDArray[np.float64], list[Span]]:
        """A vector for each token of a text, and where the token stands in it.

        Returns:
            float64, shape (tokens, width), and half-open character offsets; those of special
            tokens are empty.
        """
        torch, _ = libraries()
        [found] = self._encoded([text], cut="longest_first")
        tokens = Tokens([found.ids], None)
        with reported(_CANNOT), torch.inference_mode():
            states = self.network(**self.padded(tokens, [0])).last_hidden_state[0]
        places = [(int(start), int(end)) for start, end in found.offsets]
        return states.cpu().numpy().astype(np.float64), places

    def scores(self, tokens: Tokens) -> NDArray[np.float64]:
        """What the classifier on top gives for inputs, shape (inputs, labels), in their order."""
        torch, _ = libraries()
        found = np.zeros((len(tokens.ids), self.labels))
        for rows in self.batches(tokens):
            with reported(_CANNOT), torch.inference_mode():
                logits = self.network(**self.padded(tokens, rows)).logits
                found[rows] = logits.float().cpu().numpy()
        return found

    def batches(self, tokens: Tokens) -> Iterator[list[int]]:
        """Inputs of like length together, longest first, so many that padding fits the budget."""
        lengths = tokens.lengths()
        budget = _CPU_BUDGET if self.network.device.type == "cpu" else _GPU_BUDGET
        order = np.argsort(-lengths, kind="stable").tolist()
        while order:
            rows = max(1, budget // int(lengths[order[0]]))
            yield order[:rows]
            order = order[rows:]

    def padded(self, tokens: Tokens, rows: Sequence[int]) -> dict[str, Any]:
        """A batch as the network takes it, padded to its longest input."""
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
        """Writes network and tokenizer into a bundle's folder, in transformers' own format.

        Returns:
            The settings for `open_bundled`.
        """
        with quiet():
            self.network.save_pretrained(folder / ENCODER_FOLDER)
            self.tokenizer.save_pretrained(folder / ENCODER_FOLDER)
        return {"max_tokens": self.max_tokens, "long_text": self.long_text}


def _network(folder: Path, labels: int | None, *, new_head: bool) -> Any:
    """The network of a folder, with a classifier on top if it is to have outputs."""
    torch, transformers = libraries()
    kind, more = transformers.AutoModel, {}
    if labels is not None:
        kind, more = transformers.AutoModelForSequenceClassification, {"num_labels": labels}
    usual = {"local_files_only": True, "trust_remote_code": False, **more}
    _check_size(folder, kind, transformers.AutoConfig.from_pretrained(folder, **usual))
    network, info = kind.from_pretrained(
        folder,
        dtype=torch.float32,
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # looked at, with what is missing
        **usual,
    )
    body = f"{network.base_model_prefix}."

    def new(name: str) -> bool:
        head = labels is not None and not name.startswith(body)
        return new_head and (head or "pooler." in name)

    check_loaded(folder, info, network, new=new)
    # Of numbers that are all finite, the sum may be none that float32 holds, but seldom is.
    for name, weights in network.named_parameters():
        if not weights.sum().isfinite() and not weights.isfinite().all():
            raise NewsstandError(f"{folder}: '{name}' holds numbers that are not finite")
    return network


def _check_size(folder: Path, kind: Any, config: Any) -> None:
    """Refuses a network that its config makes far larger than its weights, before it is made."""
    torch, _ = libraries()
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network = kind.from_config(config, trust_remote_code=False)
    needed = sum(tensor.numel() for tensor in chain(network.parameters(), network.buffers()))
    shapes = [shape for path in weight_files(folder) for _, shape in read_header(path).values()]
    held = sum(prod(shape) for shape in shapes)
    if needed > 2 * held + _SPARE:
        raise NewsstandError(
            f"{folder}: its config.json describes {needed:,} weights, its files hold {held:,}"
        )


def _longest(config: Any, tokenizer: Any) -> int:
    """Most tokens of an input, special ones included."""
    places = int(getattr(config, "max_position_embeddings", 0) or tokenizer.model_max_length)
    if "roberta" in config.model_type:  # its places begin after the padding's
        places -= int(config.pad_token_id) + 1
    return min(places, int(tokenizer.model_max_length))


def token_counter(
    folder: Path, *, max_tokens: int, wordings: Sequence[str], stance: bool
) -> Callable[[Example], dict[str, tuple[int, int]]]:
    """Counts the tokens of an example that each choice for long texts reads, and all of them.

    Args:
        folder: Of the encoder, as `find_encoder` gives it.
        max_tokens: Tokens that are read at once.
        wordings: What a text is read beside, one after another.
        stance: Whether examples have targets; without, no sentence could be relevant to one.
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
