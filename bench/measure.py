"""measure -- what a command costs: seconds, and the memory of it and all that it starts."""

import importlib.util
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).resolve().parent.parent


def s3():
    """Import the local S3 server."""
    spec = importlib.util.spec_from_file_location("fixtures_s3", ROOT / "fixtures" / "s3.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Cost(NamedTuple):
    """What a command cost: its time, and its memory at most [MB], in all and of Java and Python apart; what it said.

    `largest` is the most that any one of its processes had.
    """

    seconds: float
    peak: float
    java: float
    python: float
    largest: float
    out: str


def measured(command: list[str], environment: dict[str, str]) -> Cost:
    """Run a command, and watch the memory of it and of all that it starts."""
    start, peaks, over = time.monotonic(), Counter(), threading.Event()
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        tree = psutil.Process(process.pid)

        def watch():
            while not over.wait(0.2):
                now, largest = Counter(), 0
                try:
                    # Proportional shares, so that what forked workers have in common counts once.
                    for member in [tree, *tree.children(recursive=True)]:
                        size = member.memory_full_info().pss
                        now["java" if "java" in member.name() else "python"] += size
                        largest = max(largest, size)
                except psutil.Error:
                    continue
                now["all"], now["largest"] = now.total(), largest
                for what, size in now.items():
                    peaks[what] = max(peaks[what], size)

        watcher = threading.Thread(target=watch)
        watcher.start()
        out = process.communicate()[0]
        over.set()
        watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}\n{out}")
    figures = (peaks[what] / 1e6 for what in ("all", "java", "python", "largest"))
    return Cost(time.monotonic() - start, *figures, out)
