"""whole_record -- what loading a whole record in one file costs: make bench, or make bench RECORD_MB=2000.

Writes an invented file of many channels and minutes as the Solar Data Prize has them to a local S3 server, and takes it
through plan, stage, check and publish, each in a process of its own. Memory must not follow the size of the file.
"""

import json
import os
import random
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from measure import Cost, measured, s3
from rich import box
from rich.console import Console
from rich.table import Table

KEY = "pvdaq/2023-solar-data-prize/2107_OEDI/data/2107_electrical_data.csv"
CHANNELS = [f"inv_{number:02d}_ac_power_inv_{1000 + number}" for number in range(100)]
METADATA = "pvdaq/2023-solar-data-prize/2107_OEDI/metadata/2107_system_metadata.json"
# Without a dictionary no unit is established, and every reading would be quarantined.
DESCRIBED = {
    "System": {"system_id": 2107, "power(kW DC)": 9000.0, "timezone_code": "America/Los_Angeles"},
    "Site": {"latitude": 38.99, "longitude": -122.13},
    "Metrics": {name: {"common_name": "AC power", "units": "kW"} for name in CHANNELS},
}
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
        server.client().put_object(Bucket=local.BUCKET, Key=METADATA, Body=json.dumps(DESCRIBED).encode())
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL_S3": server.endpoint,
            "PVDAQ_BUCKET": local.BUCKET,
            "STAGING": f"file://{folder}/staging",
            "WAREHOUSE": f"duckdb://{folder}/bench.duckdb",
        }
        jobs = [sys.executable, "-m", "jobs"]
        peaks = "peak MB", "of it Java", "of it Python"
        shown = Table("step", "MB", "readings", "seconds", *peaks, box=box.SIMPLE_HEAD)

        def show(step: str, cost: Cost) -> None:
            figures = [f"{megabytes:,}", f"{count:,}", f"{cost.seconds:.1f}"]
            figures += [f"{figure:.0f}" for figure in (cost.peak, cost.java, cost.python)]
            shown.add_row(step, *figures)

        cost = measured([*jobs, "plan", "fact_pv_measurement", "--systems", "2107"], environment)
        show("plan", cost)
        uri = next(word for word in cost.out.split() if word.endswith(".json"))
        for step in ("stage", "check", "publish"):
            show(step, measured([*jobs, step, uri], environment))
        Console(width=120).print(shown)


if __name__ == "__main__":
    main()
