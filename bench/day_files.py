"""day_files -- what loading day files costs: make bench, or make bench SYSTEMS=10 DAYS=40.

Writes invented one-minute files of 16 channels to a local S3 server, loads them with the command line in a process of
its own, loads them again, corrects one, and prints time and memory of each. Times are of this machine: compare them
with one another, or before and after a change.
"""

import os
import random
import sys
import tempfile
from datetime import date, timedelta

from measure import measured, s3
from rich import box
from rich.console import Console
from rich.table import Table

FIRST = date(2019, 1, 1)
CHANNELS = [
    f"{name}__{number}" for number, name in enumerate(["ac_power", "dc_power", "poa_irradiance", "ambient_temp"] * 4)
]


def day_file(ss_id: int, day: date, salt: int = 0) -> bytes:
    """Write a day of one-minute readings, four in a hundred of them blank."""
    chance = random.Random(f"{ss_id} {day} {salt}")
    lines = [",".join(["measured_on", *CHANNELS, "system_id"])]
    for minute in range(1440):
        cells = ["" if chance.random() < 0.04 else f"{chance.uniform(-5, 1000):.4f}" for _ in CHANNELS]
        lines.append(f"{day} {minute // 60:02d}:{minute % 60:02d}:00,{','.join(cells)},{ss_id}")
    return ("\n".join(lines) + "\n").encode()


def key(ss_id: int, day: date) -> str:
    """Name a day file as PVDAQ does."""
    return (
        f"pvdaq/csv/pvdata/system_id={ss_id}/year={day.year}/month={day.month}/day={day.day}/"
        f"system_{ss_id}__date_{day:%Y_%m_%d}.csv"
    )


def main() -> None:
    """Load, load again, correct; print what each cost."""
    systems, days = (int(os.environ.get(name, default)) for name, default in (("SYSTEMS", 10), ("DAYS", 40)))
    local = s3()
    with local.serve() as server, tempfile.TemporaryDirectory(prefix="sunledger-bench-") as folder:
        client, size = server.client(), 0
        wanted = [(ss_id, FIRST + timedelta(days=n)) for ss_id in range(1, systems + 1) for n in range(days)]
        for ss_id, day in wanted:
            body = day_file(ss_id, day)
            size += len(body)
            client.put_object(Bucket=local.BUCKET, Key=key(ss_id, day), Body=body)
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL_S3": server.endpoint,
            "PVDAQ_BUCKET": local.BUCKET,
            "STAGING": f"file://{folder}/staging",
            "WAREHOUSE": f"duckdb://{folder}/bench.duckdb",
        }
        last = FIRST + timedelta(days=days - 1)
        command = [sys.executable, "-m", "jobs", "run", "fact_pv_measurement", "--from", str(FIRST), "--to", str(last)]
        shown = Table("run", "files", "MB", "seconds", "MB/s", "peak MB", "seconds per step", box=box.SIMPLE_HEAD)
        for what in ("all new", "nothing new", "one corrected"):
            if what == "one corrected":
                client.put_object(Bucket=local.BUCKET, Key=key(*wanted[0]), Body=day_file(*wanted[0], salt=1))
            cost = measured(command, environment)
            files = {"all new": len(wanted), "nothing new": 0, "one corrected": 1}[what]
            megabytes = size / 1e6 * files / len(wanted)
            steps = next(line for line in cost.out.splitlines() if "seconds" in line).split("seconds")[1].strip(" │")
            speed = f"{megabytes / cost.seconds:.1f}" if files else ""
            shown.add_row(
                what, f"{files:,}", f"{megabytes:.1f}", f"{cost.seconds:.1f}", speed, f"{cost.peak:.0f}", steps
            )
        Console(width=120).print(shown)


if __name__ == "__main__":
    main()
