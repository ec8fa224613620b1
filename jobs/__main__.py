"""__main__ -- `python -m jobs ...`, and `spark-submit jobs/__main__.py ...` for the same by hand."""

import sys
from pathlib import Path

if not __package__:
    # spark-submit runs this file by its path and puts jobs/ itself on the path; its modules live under `jobs.`.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from jobs.cli import main

main()
