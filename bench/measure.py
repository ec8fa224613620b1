"""measure -- what a command costs: seconds, and the memory of it and all that it starts."""

import importlib.util
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent


def s3():
    """Import the local S3 server."""
    spec = importlib.util.spec_from_file_location("fixtures_s3", ROOT / "fixtures" / "s3.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """Run a command: seconds, peak memory of it and all it starts [MB], output."""
    start, peak, over = time.monotonic(), 0, threading.Event()
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        tree = psutil.Process(process.pid)

        def watch():
            nonlocal peak
            while not over.wait(0.2):
                try:
                    # Proportional shares, so that what forked workers have in common counts once.
                    family = [tree, *tree.children(recursive=True)]
                    peak = max(peak, sum(member.memory_full_info().pss for member in family))
                except psutil.Error:
                    continue

        watcher = threading.Thread(target=watch)
        watcher.start()
        out = process.communicate()[0]
        over.set()
        watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}\n{out}")
    return time.monotonic() - start, peak / 1e6, out
