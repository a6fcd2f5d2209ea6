"""Commands run in children of one process that has everything imported: as real as spawned ones, a second quicker each.

A child gets arguments, environment, folder, stdout and stderr of its own, and ends as the command ends it. What is said
about starting itself (imports, pipes, signals) is tried with spawned processes.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, NoReturn

_WORKER: list[subprocess.Popen[str]] = []


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``prediction-mcp`` with these arguments; what it printed and how it ended."""
    if not _WORKER:
        _WORKER.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.cli.forked"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parents[2],
            )
        )
        atexit.register(_WORKER[0].kill)
    worker = _WORKER[0]
    assert worker.stdin is not None
    assert worker.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        asked = {
            "arguments": arguments, "environment": {**os.environ, **environment}, "folder": str(Path.cwd()),
            "out": str(out), "err": str(err),
        }  # fmt: skip
        worker.stdin.write(json.dumps(asked) + "\n")
        worker.stdin.flush()
        code = int(worker.stdout.readline())
        return subprocess.CompletedProcess(list(arguments), code, out.read_text(), err.read_text())


def _serve() -> None:
    import prediction_mcp.cli.demo
    import prediction_mcp.cli.inspect
    import prediction_mcp.exchange.home
    import prediction_mcp.kalshi.transport
    import prediction_mcp.server  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(asked: dict[str, Any]) -> NoReturn:
    code = 1
    try:
        for path, descriptor in (("/dev/null", 0), (asked["out"], 1), (asked["err"], 2)):
            opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            os.dup2(opened, descriptor)
            os.close(opened)
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.chdir(asked["folder"])
        sys.argv = ["prediction-mcp", *asked["arguments"]]
        from prediction_mcp.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter would end
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
