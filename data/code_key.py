"""A digest of newsstand's own code, as far as it decides a result that a cache keeps.

Which modules decide is found by following imports, not by folder: another module may be edited,
and any module moved into a sub-package, without a change here.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

# The package whose modules are followed. Its own `__init__` only names what users import.
_TOP = "newsstand"
# An import statement at the start of a line, however deep: the module, and the names taken from
# it. To parse all modules takes a hundred times as long.
_IMPORT = re.compile(
    rb"""^[ \t]*(?:
        import[ \t]+(newsstand\.[\w.]+)
        | from[ \t]+(newsstand[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)
    )""",
    re.MULTILINE | re.VERBOSE,
)
_NAME = re.compile(rb"\w+")


def source_of(module: str) -> bytes | None:
    """The source of a module or package; None where there is none of that name."""
    spec = _spec(module)
    return Path(spec.origin).read_bytes() if spec and spec.origin else None


@cache
def _spec(module: str) -> ModuleSpec | None:
    """Where a module is, found without importing more than the packages that it is in."""
    parent = module.rpartition(".")[0]
    if parent:
        package = _spec(parent)
        if package is None or package.submodule_search_locations is None:
            return None
    return find_spec(module)


@cache
def code_key(module: str, source: Callable[[str], bytes | None] = source_of) -> str:
    """64 hexadecimal digits that change with the code of a module and of all that it imports.

    Args:
        module: Full name of a module of newsstand.
        source: As in `imported`.
    """
    digest = hashlib.sha256()
    for name, code in sorted(imported(module, source).items()):
        digest.update(f"{name} {len(code)}\n".encode() + code)
    return digest.hexdigest()


def imported(module: str, source: Callable[[str], bytes | None] = source_of) -> dict[str, bytes]:
    """Name and source of a module of newsstand, and of all that it imports at any remove.

    Imports inside of functions count, and so does the `__init__` of each sub-package.

    Args:
        module: Its full name.
        source: What gives the source of a module, or None for a name that is none.
    """
    found: dict[str, bytes] = {}
    tried = {_TOP}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in tried:
            continue
        tried.add(name)
        code = source(name)
        if code is not None:
            found[name] = code
            waiting += [name.rpartition(".")[0], *_imports(code)]
    return found


def _imports(code: bytes) -> Iterator[str]:
    """The modules that source code imports, and what may be modules among the names it takes."""
    for plain, package, names in _IMPORT.findall(code):
        module = (plain or package).decode()
        yield module
        yield from (f"{module}.{name.decode()}" for name in _NAME.findall(names))
