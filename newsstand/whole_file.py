"""Writes a text file whole or not at all."""

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Writes a text in UTF-8: beside the file, then renamed, so that an old one stays till then.

    Args:
        path: The file; what is no ordinary file, such as /dev/stdout, is written to at once.
        text: All that it is to hold.

    Raises:
        OSError: It cannot be written, for instance on a full disk; nothing is left of it then.
    """
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    path = path.resolve()  # a link stays one
    mask = os.umask(0)
    os.umask(mask)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as stream:
        aside = Path(stream.name)
        try:
            stream.write(text)
            stream.flush()
            aside.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
