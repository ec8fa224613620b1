"""unit_emissions -- what loading a large file of EPA's hours of units costs: make bench, or make bench CAMPD_MB=1000.

Writes an invented state's year as EPA's bulk files have it, puts it on a local S3 server, and takes it through plan,
stage, check and publish, each in a process of its own, with Spark's driver and executors held to 2 GB. Memory must not
follow the size of the file, and no process may need more than those 2 GB.
"""

import os
import random
import sys
import tempfile
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from measure import Cost, measured, s3
from rich import box
from rich.console import Console
from rich.table import Table

KEY = "emissions/campd/2024-02-01_2024-02/emissions-hourly-2023-oh.csv"
HEADER = (
    "State,Facility Name,Facility ID,Unit ID,Associated Stacks,Date,Hour,Operating Time,Gross Load (MW),"
    "Steam Load (1000 lb/hr),SO2 Mass (lbs),SO2 Mass Measure Indicator,SO2 Rate (lbs/mmBtu),"
    "SO2 Rate Measure Indicator,CO2 Mass (short tons),CO2 Mass Measure Indicator,CO2 Rate (short tons/mmBtu),"
    "CO2 Rate Measure Indicator,NOx Mass (lbs),NOx Mass Measure Indicator,NOx Rate (lbs/mmBtu),"
    "NOx Rate Measure Indicator,Heat Input (mmBtu),Heat Input Measure Indicator,Primary Fuel Type,"
    "Secondary Fuel Type,Unit Type,SO2 Controls,NOx Controls,PM Controls,Hg Controls,Program Code"
)
HOURS = [f"{datetime(2023, 1, 1) + timedelta(hours=hour):%Y-%m-%d},{hour % 24}," for hour in range(8760)]
ABOUT = 'Pipeline Natural Gas,"Diesel Oil, Residual Oil",Combined cycle,,Dry Low NOx Burners,,,"ARP, CSNOX, CSSO2G1"'
# What a process may have at most [MB].
BOUND = 2_000


def write(path: Path, megabytes: int) -> int:
    """Write the file, unit by unit all hours of the year, as EPA does; the number of its rows."""
    chance = random.Random(7)
    drawn = [_measured(chance) for _ in range(997)]
    size = rows = 0
    with path.open("w", newline="") as out:
        out.write(HEADER + "\r\n")
        for unit in count():
            unit_id = ("0001", "**GT2", "CT-1", "4")[unit % 4]
            named = f'OH,"Invented Plant {unit // 4}, LLC",{1000 + unit // 4},{unit_id},,'
            for hour, moment in enumerate(HOURS):
                line = f"{named}{moment}{drawn[(hour + 31 * unit) % len(drawn)]}\r\n"
                out.write(line)
                size, rows = size + len(line), rows + 1
                if size > megabytes * 1e6:
                    return rows
    raise AssertionError("units do not end")


def _measured(chance: random.Random) -> str:
    """Draw what is measured in an hour; in a third of them the unit rests."""
    if chance.random() < 0.33:
        return f"0,,,,,,,,,,,,,,,,,{ABOUT}"
    load = chance.randint(40, 600)
    heat = load * 7.2
    tons, nox = heat * 0.059, heat * chance.uniform(0.01, 0.2)
    masses = f"{heat * 0.0006:.3f},Measured,0.001,Calculated,{tons:.3f},Measured,0.059,Calculated"
    return f"1,{load},,{masses},{nox:.3f},Measured,{nox / heat:.3f},Calculated,{heat:.3f},Measured,{ABOUT}"


def main() -> None:
    """Load the file into both of its tables; print what each step cost."""
    megabytes = int(os.environ.get("CAMPD_MB", "100"))
    local = s3()
    with local.serve() as server, tempfile.TemporaryDirectory(prefix="sunledger-bench-") as folder:
        record = Path(folder, "hours.csv")
        rows = write(record, megabytes)
        server.client().upload_file(str(record), local.BUCKET, KEY)
        record.unlink()
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL_S3": server.endpoint,
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "PVDAQ_BUCKET": "",
            "LANDING_BUCKET": local.BUCKET,
            "STAGING": f"file://{folder}/staging",
            "WAREHOUSE": f"duckdb://{folder}/bench.duckdb",
            "PYSPARK_SUBMIT_ARGS": "--driver-memory 2g --executor-memory 2g pyspark-shell",
        }
        jobs = [sys.executable, "-m", "jobs"]
        peaks = "peak MB", "of it Java", "of it Python", "one process"
        shown = Table("table", "step", "MB", "rows", "seconds", *peaks, box=box.SIMPLE_HEAD)
        largest = []

        def show(table: str, step: str, cost: Cost) -> None:
            figures = [f"{megabytes:,}", f"{rows:,}", f"{cost.seconds:.1f}"]
            figures += [f"{figure:.0f}" for figure in (cost.peak, cost.java, cost.python, cost.largest)]
            shown.add_row(table, step, *figures)
            largest.append(cost.largest)

        for table in ("fact_unit_emissions_hourly", "dim_generating_unit"):
            cost = measured([*jobs, "plan", table], environment)
            show(table, "plan", cost)
            uri = next(word for word in cost.out.split() if word.endswith(".json"))
            for step in ("stage", "check", "publish"):
                show(table, step, measured([*jobs, step, uri], environment))
        console = Console(width=140)
        console.print(shown)
        verdict = "within" if max(largest) <= BOUND else "ABOVE"
        console.print(f"The largest process had {max(largest):,.0f} MB, {verdict} the {BOUND:,} MB of each.")


if __name__ == "__main__":
    main()
