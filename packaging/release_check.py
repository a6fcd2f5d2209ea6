"""``make release-check``: wheel and sdist built and looked through, the wheel tried in clean venvs of the Pythons here.

Ends with exit code 1 at the first thing that isn't right.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
UV = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
TOOLSETS = "advanced,across,records,safety"
LARGEST_MB, MOST = 130, 75
"""Of the default install: megabytes and packages."""
NEEDED = (
    "prediction_mcp/py.typed", "prediction_mcp/web/templates/desk.html", "prediction_mcp/web/static/desk.css",
    "prediction_mcp/records/migrations/env.py", "prediction_mcp/tools/apps/app.html",
)  # fmt: skip


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def versions() -> str:
    """The one version, wherever it is written."""
    version = re.search(r'__version__ = "([^"]+)"', (ROOT / "src/prediction_mcp/__init__.py").read_text())
    assert version is not None
    registry = json.loads((ROOT / "server.json").read_text())
    found = {
        "server.json": registry["version"], "its package": registry["packages"][0]["version"],
        "plugin.json": json.loads((ROOT / ".claude-plugin/plugin.json").read_text())["version"],
        "manifest.json": json.loads((ROOT / "packaging/mcpb/manifest.json").read_text())["version"],
    }  # fmt: skip
    if wrong := [name for name, other in found.items() if other != version[1]]:
        raise SystemExit(f"{', '.join(wrong)} has another version than {version[1]}")
    if f"## {version[1]}" not in (ROOT / "CHANGELOG.md").read_text():
        raise SystemExit(f"CHANGELOG.md says nothing of {version[1]}")
    return version[1]


def built() -> tuple[Path, Path]:
    shutil.rmtree(DIST, ignore_errors=True)
    run(UV, "build", "--quiet", "--out-dir", str(DIST), str(ROOT))
    (wheel,), (sdist,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as inside:
        names = inside.namelist()
    if missing := [name for name in NEEDED if name not in names]:
        raise SystemExit(f"the wheel lacks {', '.join(missing)}")
    if odd := [name for name in names if not name.startswith(("prediction_mcp/", "prediction_mcp-"))]:
        raise SystemExit(f"the wheel holds {', '.join(odd)}")
    with tarfile.open(sdist) as inside:
        held = inside.getnames()
    if odd := [name for name in held if re.search(r"\.pem$|/\.env$|secrets/|uv\.lock", name)]:
        raise SystemExit(f"the sdist holds {', '.join(odd)}")
    (DIST / ".gitignore").unlink(missing_ok=True)
    return wheel, sdist


def interpreter(python: str) -> str | None:
    """Where a Python of that version is: on the path, or one of pyenv's."""
    own = sorted((Path.home() / ".pyenv" / "versions").glob(f"{python}.*/bin/python{python}"))
    for path in filter(None, (shutil.which(f"python{python}"), *map(str, own))):
        if subprocess.run((path, "--version"), capture_output=True).returncode == 0:
            return path
    return None


def tried(wheel: Path, version: str) -> None:
    """Installed with nothing else, in each Python that is here."""
    for python in PYTHONS:
        here = interpreter(python)
        if here is None:
            print(f"Python {python}: NOT TRIED, it isn't here")
            continue
        with tempfile.TemporaryDirectory() as text:
            venv = Path(text) / "venv"
            run(UV, "venv", "--quiet", "--python", here, str(venv))
            mine = venv / "bin" / "python"
            run(UV, "pip", "install", "--quiet", "--python", str(mine), str(wheel))
            size = sum(f.lstat().st_size for f in venv.rglob("*") if f.is_file() and not f.is_symlink()) / 1e6
            packages = len(run(UV, "pip", "list", "--format", "freeze", "--python", str(mine)).splitlines())
            said = run(str(venv / "bin" / "prediction-mcp"), "--version").strip()
            if said != f"prediction-mcp {version}":
                raise SystemExit(f"it calls itself {said}")
            told = run(str(venv / "bin" / "prediction-mcp"), "demo", cwd=Path(text))
            if "filled" not in told:
                raise SystemExit(f"the demo said:\n{told}")
            server = str(venv / "bin" / "prediction-mcp")
            run("env", f"TOOLSETS={TOOLSETS}", server, "tools", cwd=Path(text))
            found = json.loads(run(server, "call", "scan_markets", "limit=1", "--json", cwd=Path(text)))
            ticker = found["markets"][0]["ticker"]
            run(server, "call", "get_candlesticks", f"ticker={ticker}", "chart=true", cwd=Path(text))
            run(server, "doctor", cwd=Path(text))
            print(f"Python {python}: {size:.0f} MB, {packages} packages, the demo trades")
            if size > LARGEST_MB or packages > MOST:
                raise SystemExit(f"the default install is at most {LARGEST_MB} MB and {MOST} packages")


def main() -> None:
    version = versions()
    wheel, sdist = built()
    tools = ROOT / ".release"
    run(UV, "venv", "--quiet", "--allow-existing", str(tools), "--python", sys.executable)
    python = str(tools / "bin" / "python")
    run(UV, "pip", "install", "--quiet", "--python", python, "twine>=6,<8", "check-wheel-contents>=0.6,<0.7")
    print(run(python, "-m", "twine", "check", "--strict", str(wheel), str(sdist)).strip())
    print(run(str(tools / "bin" / "check-wheel-contents"), str(wheel)).strip())
    tried(wheel, version)


if __name__ == "__main__":
    main()
