"""Digests of newsstand's own code, for the keys of cached results.

The modules that a result depends on are found by following imports, so editing an unrelated module
keeps the cache, and moving a module needs no change here.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

# The package whose modules are followed. Its own `__init__` only re-exports names.
_TOP = "newsstand"
# An import statement at the start of a line, at any indentation: the module, and the imported
# names. Parsing all modules takes a hundred times as long.
_IMPORT = re.compile(
    rb"""^[ \t]*(?:
        import[ \t]+(newsstand\.[\w.]+)
        | from[ \t]+(newsstand[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)
    )""",
    re.MULTILINE | re.VERBOSE,
)
_NAME = re.compile(rb"\w+")


def source_of(module: str) -> bytes | None:
    """Returns the source of a module or package; None if it does not exist."""
    spec = _spec(module)
    return Path(spec.origin).read_bytes() if spec and spec.origin else None


@cache
def _spec(module: str) -> ModuleSpec | None:
    """Finds a module without importing more than the packages that contain it."""
    parent = module.rpartition(".")[0]
    if parent:
        package = _spec(parent)
        if package is None or package.submodule_search_locations is None:
            return None
    return find_spec(module)


@cache
def code_key(module: str, source: Callable[[str], bytes | None] = source_of) -> str:
    """Returns a digest of the code of a module and of all modules that it imports.

    Args:
        module: Full name of a module of newsstand.
        source: As in `imported`.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name, code in sorted(imported(module, source).items()):
        digest.update(f"{name} {len(code)}\n".encode() + code)
    return digest.hexdigest()


def imported(module: str, source: Callable[[str], bytes | None] = source_of) -> dict[str, bytes]:
    """Returns the sources of a module of newsstand and of all modules that it imports, by name.

    Follows indirect imports, imports inside functions, and the `__init__` of each sub-package.

    Args:
        module: Full name of the module.
        source: Returns the source of a module, or None if there is no such module.
    """
    sources: dict[str, bytes] = {}
    tried = {_TOP}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in tried:
            continue
        tried.add(name)
        code = source(name)
        if code is not None:
            sources[name] = code
            waiting += [name.rpartition(".")[0], *_imports(code)]
    return sources


def _imports(code: bytes) -> Iterator[str]:
    """Yields the modules that source code imports, and the imported names that may be modules."""
    for plain, package, names in _IMPORT.findall(code):
        module = (plain or package).decode()
        yield module
        yield from (f"{module}.{name.decode()}" for name in _NAME.findall(names))
