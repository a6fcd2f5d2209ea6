"""What “uvx --from WHEEL” brings with an empty cache: seconds, megabytes, packages; and the same of an older commit.

The reference is the last commit whose default install had Parquet and matplotlib in it. Both take the newest packages
that the index has, so the figures move with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEFORE = "1d63559"
UV = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
TIMES = 5


def run(*command: str, cwd: Path | None = None, **more: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **more}, check=True, capture_output=True, text=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout


def wheel(tree: Path, into: Path) -> Path:
    run(UV, "build", "--quiet", "--wheel", "--out-dir", str(into), str(tree))
    (made,) = into.glob("*.whl")
    return made


def before(folder: Path) -> Path:
    tree = folder / "tree"
    run("git", "clone", "--quiet", str(ROOT), str(tree))
    run("git", "checkout", "--quiet", BEFORE, cwd=tree)
    return wheel(tree, folder)


def first(made: Path) -> float:
    """Seconds until the first start says its version; with a cache of its own that is empty."""
    with tempfile.TemporaryDirectory() as cache:
        begun = time.perf_counter()
        run(
            UV, "tool", "run", "--python", sys.executable, "--from", str(made), "prediction-mcp", "--version",
            UV_CACHE_DIR=cache,
        )  # fmt: skip
        return time.perf_counter() - begun


def weight(made: Path, folder: Path) -> tuple[float, int]:
    """Megabytes and packages of a venv with it, as uv installs them: without bytecode."""
    venv = folder / "venv"
    run(UV, "venv", "--quiet", "--python", sys.executable, str(venv))
    run(UV, "pip", "install", "--quiet", "--python", str(venv / "bin" / "python"), str(made))
    listed = run(UV, "pip", "list", "--python", str(venv / "bin" / "python"), "--format", "freeze")
    size = sum(file.lstat().st_size for file in venv.rglob("*") if file.is_file() and not file.is_symlink())
    return size / 1e6, len(listed.splitlines())


def main() -> None:
    with tempfile.TemporaryDirectory() as text:
        places = {name: Path(text) / name for name in ("now", "before")}
        for place in places.values():
            place.mkdir()
        wheels = {"now": wheel(ROOT, places["now"]), "before": before(places["before"])}
        took: dict[str, list[float]] = {name: [] for name in wheels}
        for _ in range(TIMES):
            for name, made in wheels.items():  # in turn: the machine has quick and slow minutes
                took[name].append(first(made))
        for name, made in wheels.items():
            size, packages = weight(made, places[name])
            shown = ", ".join(f"{seconds:.1f}" for seconds in sorted(took[name]))
            print(f"{name:7} first start {shown} s; {size:.0f} MB, {packages} packages")


if __name__ == "__main__":
    main()
