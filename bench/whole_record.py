"""whole_record -- what loading a whole record in one file costs: make bench, or make bench RECORD_MB=2000.

Writes an invented file of many channels and minutes as the Solar Data Prize has them to a local S3 server, and takes it
through plan, stage, check and publish, each in a process of its own. Memory must not follow the size of the file.
"""

import os
import random
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from measure import measured, s3
from rich import box
from rich.console import Console
from rich.table import Table

KEY = "pvdaq/2023-solar-data-prize/2107_OEDI/data/2107_electrical_data.csv"
CHANNELS = [f"inv_{number:02d}_ac_power_inv_{1000 + number}" for number in range(100)]
START = datetime(2017, 1, 1)


def write(path: Path, megabytes: int) -> int:
    """Write the file; the number of its readings."""
    chance = random.Random(7)
    # Drawing each number would take longer than all that is measured.
    drawn = [",".join(f"{chance.uniform(-5, 99):.3f}" for _ in CHANNELS) for _ in range(997)]
    size = minute = 0
    with path.open("w") as out:
        out.write(",".join(["measured_on", *CHANNELS]) + "\n")
        while size < megabytes * 1e6:
            line = f"{START + timedelta(minutes=minute)},{drawn[minute % len(drawn)]}\n"
            out.write(line)
            size, minute = size + len(line), minute + 1
    return minute * len(CHANNELS)


def main() -> None:
    """Load the file step by step; print what each step cost."""
    megabytes = int(os.environ.get("RECORD_MB", "100"))
    local = s3()
    with local.serve() as server, tempfile.TemporaryDirectory(prefix="sunledger-bench-") as folder:
        record = Path(folder, "record.csv")
        count = write(record, megabytes)
        server.client().upload_file(str(record), local.BUCKET, KEY)
        record.unlink()
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL_S3": server.endpoint,
            "PVDAQ_BUCKET": local.BUCKET,
            "STAGING": f"file://{folder}/staging",
            "WAREHOUSE": f"duckdb://{folder}/bench.duckdb",
        }
        jobs = [sys.executable, "-m", "jobs"]
        shown = Table("step", "MB", "readings", "seconds", "peak MB", box=box.SIMPLE_HEAD)
        plan = [*jobs, "plan", "fact_pv_measurement", "--systems", "2107"]
        seconds, peak, out = measured(plan, environment)
        shown.add_row("plan", f"{megabytes:,}", f"{count:,}", f"{seconds:.1f}", f"{peak:.0f}")
        uri = next(word for word in out.split() if word.endswith(".json"))
        for step in ("stage", "check", "publish"):
            seconds, peak, _ = measured([*jobs, step, uri], environment)
            shown.add_row(step, f"{megabytes:,}", f"{count:,}", f"{seconds:.1f}", f"{peak:.0f}")
        Console(width=120).print(shown)


if __name__ == "__main__":
    main()
