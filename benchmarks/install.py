"""What “uvx --from WHEEL” brings with an empty cache: seconds, megabytes, packages; and the same of an older commit.

Seconds are told twice: until it has said its version, and until its MCP server has listed its tools to a client, which
is what a person waits for. The reference is the last commit whose default install had Parquet and matplotlib in it.
Both take the newest packages that the index has, so the figures move with it. Once over a line as quick as the index
answers, and once over one of 100 Mbit/s, as a home has it.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from line import line

ROOT = Path(__file__).parents[1]
BEFORE = "1d63559"
UV = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
TIMES = 5


def run(*command: str, cwd: Path | None = None, places: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **(places or {})}, check=True, capture_output=True, text=True,
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


def command(made: Path, *arguments: str) -> list[str]:
    return [UV, "tool", "run", "--python", sys.executable, "--from", str(made), "prediction-mcp", *arguments]


def version(made: Path, places: Mapping[str, str]) -> None:
    run(*command(made, "--version"), places=places)


def tools(made: Path, places: Mapping[str, str]) -> None:
    """A client's first words over stdio, until the tools are listed."""
    client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "benchmark", "version": "1"}}
    said: list[dict[str, object]] = [
        {"id": 1, "method": "initialize", "params": client},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/list", "params": {}},
    ]
    process = subprocess.Popen(
        command(made), env={**os.environ, **places}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write("".join(json.dumps({"jsonrpc": "2.0", **line}) + "\n" for line in said))
        process.stdin.flush()
        answers = (json.loads(line) for line in process.stdout)
        if not any(answer.get("id") == 2 and answer["result"]["tools"] for answer in answers):
            raise SystemExit("The server ended without listing its tools.")
        process.terminate()


WORKS = (version, tools)


def first(made: Path, work: Callable[[Path, Mapping[str, str]], None], proxy: str) -> float:
    """Seconds of the first start, with a cache and a home of its own that are empty."""
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as home:
        begun = time.perf_counter()
        work(made, {"UV_CACHE_DIR": cache, "HOME": home, "HTTPS_PROXY": proxy})
        return time.perf_counter() - begun


def show(wheels: dict[str, Path], megabits: int) -> None:
    took: dict[str, dict[str, list[float]]] = {work.__name__: {name: [] for name in wheels} for work in WORKS}
    fetched = dict.fromkeys(wheels, 0)
    with line(megabits) as (watched, proxy):
        for _ in range(TIMES):
            for work in WORKS:
                for name, made in wheels.items():  # in turn: the machine has quick and slow minutes
                    earlier = watched.received
                    took[work.__name__][name].append(first(made, work, proxy))
                    fetched[name] = watched.received - earlier
    print(f"{megabits} Mbit/s" if megabits else "as quick as the index answers")
    for what, seconds in took.items():
        for name, each in seconds.items():
            shown = ", ".join(f"{second:.1f}" for second in sorted(each))
            print(f"  {what:7} {name:6} median {statistics.median(each):4.1f} s of {shown}")
        print(f"  {'':14} {statistics.median(seconds['now']) / statistics.median(seconds['before']):.2f} of before")
    print("  fetched", ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in fetched.items()))


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
        for megabits in (0, 100):
            show(wheels, megabits)
        for name, made in wheels.items():
            size, packages = weight(made, places[name])
            print(f"{name:6} {size:.0f} MB, {packages} packages")


if __name__ == "__main__":
    main()
