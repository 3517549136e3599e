"""The way of the data is one way: who may import whom, and what a wheel must hold."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from newsstand.config.loader import load_config

ROOT = Path(__file__).parents[2]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "setuptools"
]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
ROOMS = {"newsstand": "newsstand", **{x: f"newsstand.{x}" for x in ("data", "train", "serve")}}
# Every folder with modules, and its import name.
FOLDERS = {
    path.parent.relative_to(ROOT).as_posix(): ".".join(
        (ROOMS[room], *path.parent.relative_to(ROOT / room).parts)
    )
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
}

# May never be imported by the room, not even inside a function.
FORBIDDEN = {
    "serve": ("newsstand.train", "newsstand.data"),
    "data": ("newsstand.train",),
    "train": (),
    "newsstand": ("newsstand.train", "newsstand.data", "newsstand.serve"),
}
# Modules of the core that may name types of the other rooms.
TYPED = ("__init__", "cli/display", "cli/monitor_display", "models/base")
# Their users pay for them only when they need them.
HEAVY = (
    *("sklearn", "torch", "transformers", "datasets", "mlflow", "matplotlib", "pandas"),
    *("pyarrow", "optuna", "trafilatura", "lxml"),
)


@dataclass(frozen=True)
class Import:
    """One imported name: `deferred` inside a function, `typing` under TYPE_CHECKING."""

    name: str
    line: int
    deferred: bool
    typing: bool

    def within(self, *packages: str) -> bool:
        return any(
            self.name == package or self.name.startswith(package + ".") for package in packages
        )


def imports(path: Path) -> Iterator[Import]:
    def visit(node: ast.AST, deferred: bool, typing: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, deferred, typing)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            for alias in node.names:
                yield Import(f"{node.module}.{alias.name}", node.lineno, deferred, typing)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for child in node.body:
                yield from visit(child, deferred, True)
            for child in node.orelse:
                yield from visit(child, deferred, typing)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                yield from visit(child, deferred or inside, typing)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), False, False)


def modules(room: str) -> list[Path]:
    found = sorted((ROOT / room).rglob("*.py"))
    assert found
    return found


def named(path: Path, found: list[Import]) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{item.line}: {item.name}" for item in found]


def test_the_reader_of_imports_sees_all_kinds(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(
        """\
import a.b, c
from d import e as f
if TYPE_CHECKING:
    import g
else:
    import h
try:
    import i
except ImportError:
    pass
class K:
    import j
    async def m(self):
        if 1:
            from n import o
"""
    )
    found = {item.name: (item.deferred, item.typing) for item in imports(path)}
    now = (False, False)
    assert found == {
        **dict.fromkeys(("a.b", "c", "d.e", "h", "i", "j"), now),
        "g": (False, True),
        "n.o": (True, False),
    }


@pytest.mark.parametrize("room", FORBIDDEN)
def test_rooms_import_one_way(room: str) -> None:
    wrong = []
    for path in modules(room):
        found = [item for item in imports(path) if item.within(*FORBIDDEN[room])]
        commands = path.parent == ROOT / "newsstand/cli" and path.stem.endswith("_commands")
        if commands or path == ROOT / "newsstand/api.py":
            found = [item for item in found if not item.deferred and not item.typing]
        elif path in (ROOT / f"newsstand/{x}.py" for x in TYPED):
            found = [item for item in found if not item.typing]
        wrong += named(path, found)
    assert wrong == []


@pytest.mark.parametrize("room", ["newsstand", "serve"])
def test_core_and_serving_import_nothing_heavy(room: str) -> None:
    wrong = []
    for path in modules(room):
        now = [item for item in imports(path) if not item.deferred and not item.typing]
        wrong += named(path, [item for item in now if item.within(*HEAVY)])
    assert wrong == []


def test_nothing_heavy_comes_in_by_a_side_door() -> None:
    # A module of the core may import another that imports it: only a fresh process shows that.
    names = [
        f"{FOLDERS[path.parent.relative_to(ROOT).as_posix()]}.{path.stem}"
        for path in (*modules("newsstand"), *modules("serve"))
        if path.stem != "__init__"
    ]
    code = f"import sys, {', '.join(names)}; print(*set({HEAVY}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_few_modules_import_mlflow_in_training() -> None:
    packages = ("registry", "tracking")
    users = {
        path.parent.name if path.parent.name in packages else path.name
        for path in modules("train")
        if any(item.within("mlflow") for item in imports(path))
    }
    assert users == {"mlflow_runs.py", "preflight.py", *packages}


def test_packages_are_all_folders_with_modules() -> None:
    # A folder missing from the list imports in an editable install and is absent from the wheel.
    elsewhere = {
        path.parent.name
        for path in ROOT.glob("*/*.py")
        if path.parent.name not in {"tests", "build", "dist", "docs", *ROOMS}
        and not path.parent.name.startswith(".")
    }
    assert elsewhere == set()
    assert sorted(SETUPTOOLS["packages"]) == sorted(FOLDERS.values())
    assert SETUPTOOLS["package-dir"] == {
        package: folder
        for folder, package in FOLDERS.items()
        if folder.replace("/", ".") != package
    }


def test_package_data_are_all_files_that_are_no_modules() -> None:
    matched: set[Path] = set()
    for package, patterns in SETUPTOOLS["package-data"].items():
        [folder] = [ROOT / name for name, other in FOLDERS.items() if other == package]
        for pattern in patterns:
            found = set(folder.glob(pattern))
            assert found, f"{package}: {pattern}"
            matched |= found
    files = {
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".py"
    }
    assert files == matched


LONGEST = 60  # lines of a function, from its def to its end


def functions_over(lines: int, path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno + 1 > lines:
                yield node.name


def test_no_function_is_over_60_lines(tmp_path: Path) -> None:
    sample = tmp_path / "x.py"
    sample.write_text(
        "@a\ndef two():\n    pass\nclass K:\n    def three():\n        1\n        2\n"
    )
    assert list(functions_over(2, sample)) == ["three"]
    found = {
        f"{path.relative_to(ROOT).as_posix()}:{name}"
        for path in [path for room in ROOMS for path in modules(room)] + TESTS
        for name in functions_over(LONGEST, path)
    }
    assert found == set()


# Those of sweeps are loaded by tests/train/test_sweep_spec.py.
CONFIGS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "configs").rglob("*.y*ml")
    if path.parent.name != "sweeps"
)


def test_there_are_configs() -> None:
    assert {"configs/topic-linear.yaml", "configs/stance-linear.yaml"} <= set(CONFIGS)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_shipped_config_loads(name: str) -> None:
    lines = [line.strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    needs_path = not {"format: corpus"} & set(lines) and not any(
        x.startswith("path:") for x in lines
    )
    load_config(ROOT / name, ["data.path=x"] if needs_path else [])


# What knows one family only, and may ask what a model is.
KINDS = ("Model", "Config", "Encoder")


def test_nothing_asks_which_family_a_model_is_of() -> None:
    wrong = []
    for path in (ROOT / "train/run.py", *modules("serve"), *(ROOT / "newsstand/cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
                asked = ast.unparse(node.args[1])
                if any(kind in asked for kind in KINDS):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert wrong == []
