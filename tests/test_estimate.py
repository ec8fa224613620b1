"""What a run will take is said before it is run, and refused above a budget."""

from datetime import date

import pytest
from conftest import day_file, day_key

from jobs import contract, estimate, plan, steps
from jobs.errors import BudgetError
from jobs.estimate import Budget, Estimate, Load
from jobs.listing import Window
from jobs.plan import Comparison

FACT = "fact_pv_measurement"
FIRST, LAST = date(2019, 1, 1), date(2019, 1, 5)
DAYS = [date(2019, 1, day) for day in range(1, 6)]
MIB = 1024**2


@pytest.fixture
def five_days(place, monkeypatch):
    """Five days of system 7 with ten bytes each, two days a load."""
    for day in DAYS:
        place.put_day(7, day, b"0123456789")
    monkeypatch.setattr(plan, "LOAD_DAYS", 2)
    return place


def estimated(table=FACT, window=None):
    return estimate.estimate(plan.plan(table, window or Window(FIRST, LAST)))


def took(place, load_id, size, **seconds):
    """Write down that a load of some bytes was loaded, as publish and the log of steps do."""
    place.change(
        "INSERT INTO etl_checkpoint (table_name, object_id, generation, load_id, contract_version, transform_version, "
        "bucket, object_key, etag, size_bytes, rows_read, rows_loaded, rows_quarantined, rows_duplicate, published_at) "
        f"VALUES ('{FACT}', '{load_id}', 1, '{load_id}', '1.0.0', 1, 'b', 'key of {load_id}', 'e', {size}, 0, 0, 0, 0, "
        "CURRENT_TIMESTAMP());"
    )
    for step, value in seconds.items():
        place.change(
            "INSERT INTO etl_run (run_id, table_name, step, load_id, started_at, seconds, outcome, message) VALUES "
            f"('r', '{FACT}', '{step.partition('_')[0]}', '{load_id}', CURRENT_TIMESTAMP(), {value}, 'done', '');"
        )


# What is counted.


def test_the_loads_of_a_plan_are_told_apart_by_their_days(five_days):
    found = estimated()

    assert [(load.label, load.objects, load.read_bytes, load.partitions) for load in found.loads] == [
        ("2019-01-01 to 2019-01-02, 2 objects, system 7", 2, 20, 2),
        ("2019-01-03 to 2019-01-04, 2 objects, system 7", 2, 20, 2),
        ("2019-01-05, 1 object, system 7", 1, 10, 1),
    ]
    # 0.104 readings a byte, until the table has a past of its own.
    assert [round(load.rows, 2) for load in found.loads] == [2.08, 2.08, 1.04]


def test_what_files_are_read_with_is_read_once_a_load(place):
    for day in DAYS[:3]:
        place.put(day_key(7, day).replace("/csv/", "/parquet/").replace(".csv", ".snappy.000.parquet"), b"0123456789")
    place.put("pvdaq/parquet/metrics/metrics__system_7__part000.parquet", b"12345")

    (load,) = estimated().loads

    assert (load.objects, load.read_bytes) == (3, 35)


def test_the_rows_of_a_byte_and_the_rows_that_are_there_are_the_tables_own(place, load):
    for day in DAYS[:2]:
        place.put_day(7, day, day_file(7, day, [1.0, 2.0]))
    size = len(day_file(7, DAYS[0], [1.0, 2.0]))
    load(days=(DAYS[0], DAYS[1]))
    place.put_day(7, DAYS[1], day_file(7, DAYS[1], [3.0, 4.0]))
    place.put_day(7, DAYS[2], day_file(7, DAYS[2], [5.0, 6.0]))

    (found,) = estimated().loads

    assert found.read_bytes == 2 * size
    assert found.rows == 4
    # Of the second day; the first is none of the load's.
    assert found.existing_rows == 2


def test_a_derived_tables_bytes_are_those_of_staged_readings(place, load):
    place.put_fixtures()
    load()

    daily = estimated("fact_pv_performance_daily", Window())
    hourly = estimated("fact_pv_energy_hourly", Window())

    readings = sum(
        row
        for (row,) in place.rows(
            f"SELECT rows_loaded FROM etl_checkpoint WHERE table_name = '{FACT}' AND retired_generation IS NULL"
        )
    )
    assert daily.gb == pytest.approx(readings * 8.4 / 1e9)
    assert [load.rows for load in daily.loads] == [7]
    assert [load.rows for load in hourly.loads] == [24 * load.objects for load in hourly.loads]


# Time.


def test_time_is_by_the_bench_until_the_table_has_a_past(five_days, monkeypatch):
    found = estimated()
    monkeypatch.setitem(estimate.START_SECONDS, "local", 0)
    without_starts = estimated()

    # Three starts of Spark, and 50 bytes at 2 MB/s.
    assert found.hours - without_starts.hours == pytest.approx(3 * 10 / 3600)
    assert without_starts.hours == pytest.approx(50 / 2e6 / 3600)
    assert dict(found.lines())["time"] == "about 0.01 hours, as the bench on two cores"


def test_time_is_by_the_tables_own_loads_once_they_are_large_enough(five_days, monkeypatch):
    monkeypatch.setitem(estimate.START_SECONDS, "local", 0)
    took(five_days, "small", 1000, stage=9, check=1, publish=1)
    took(five_days, "unfinished", 10**9, stage=1)
    took(five_days, "one", 60_000_000, stage=20, check=5, publish=5)
    # The stage was run again, and found itself done.
    took(five_days, "two", 140_000_000, stage=360, stage_again=0.1, check=6, publish=4)

    found = estimated()

    # 200 MB in 400 s.
    assert found.hours == pytest.approx(50 / 500_000 / 3600)
    assert found.by_past == 2
    assert dict(found.lines())["time"] == "about 0.00 hours, as 2 loads before"


# BigQuery's bill.


def plan_of(objects=1, rows_replaced=0):
    entries = tuple(
        plan.PlannedObject("b", f"k{number}", "e", 1, f"o{number}", "s", {}, (), FIRST, FIRST, rows_replaced, 0)
        for number in range(objects)
    )
    return plan.Plan(FACT, "load", 1, "1.0.0", 1, entries, (), None)


def test_a_small_load_is_billed_the_least_of_each_statement():
    promised, nothing = contract.load(FACT), {"etl_checkpoint": 0, "etl_quality": 0}

    # Eight that read next to nothing and six that read the load; a correction has two more.
    assert estimate._billed(promised, plan_of(), 1000, 0, nothing) == 14 * 10 * MIB
    assert estimate._billed(promised, plan_of(rows_replaced=5), 1000, 5, nothing) == 16 * 10 * MIB


def test_a_large_load_is_billed_the_columns_that_its_statements_read():
    promised, operations = contract.load(FACT), {"etl_checkpoint": 10**6, "etl_quality": 10**7}
    # As BigQuery counts: numbers and times 8, texts 2 and their own, of which hashes have 32 and others about 16.
    assert estimate._width(promised) == 8 + 8 + 18 + 18 + 8 + 18 + 8 + 18 + 8 + 34 + 34
    assert estimate._width(promised, promised.key) == 8 + 8 + 18
    checkpoint = 18 + 34 + 8 + 8 + 34 + 18 + 8 + 18 + 18 + 34 + 8 + 8 + 8 + 8 + 8 + 8 + 8 + 8
    assert estimate._width(contract.load("etl_checkpoint")) == checkpoint

    new = estimate._billed(promised, plan_of(10), 10**8, 2 * 10**8, operations)
    corrected = estimate._billed(promised, plan_of(10, rows_replaced=1), 10**8, 2 * 10**8, operations)

    quality = estimate._width(contract.load("etl_quality")) * 10**7
    assert new == (8 * 10 * MIB + 3 * 10**8 * (34 + 68) + 10**8 * 180 + (10**6 + 10) * checkpoint + 2 * quality)
    assert corrected - new == 2 * 10**8 * 180 + (10**6 + 10) * checkpoint


def test_nothing_is_billed_where_the_warehouse_is_a_file(five_days):
    found = estimated()

    assert (found.usd, found.quotas) == (0, ())
    assert dict(found.lines())["BigQuery bills"] == "nothing; the warehouse is a DuckDB file"


# The budget.


def expected(loads=2, gb=4.0, hours=3.0, billed_tib=0.8, on_bigquery=True, partitions=1):
    one = Load("l", 1, gb * 1e9 / loads, 1, partitions, 0, billed_tib * 2**40 / loads)
    return Estimate(Comparison(FACT, new=loads), (one,) * loads, hours, 0, on_bigquery)


def test_the_price_is_six_dollars_and_a_quarter_a_tib():
    assert expected().usd == pytest.approx(5.0)


def test_what_is_within_the_budget_is_not_refused():
    Budget().refuse_over(expected())
    Budget(usd=5.0, gb=4.0, hours=3.0).refuse_over(expected())


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (Budget(usd=4.9), "BigQuery would bill 5 USD, and the budget is 4.9"),
        (Budget(gb=3.5), "it would read 4 GB, and the budget is 3.5"),
        (Budget(hours=2), "it would take 3 hours, and the budget is 2"),
        (Budget(usd=0, hours=0), "BigQuery would bill 5 USD, and the budget is 0; it would take 3 hours, and the"),
    ],
)
def test_what_is_above_the_budget_is_refused_by_the_line_that_is_exceeded(budget, said):
    with pytest.raises(BudgetError) as refused:
        budget.refuse_over(expected())

    assert said in str(refused.value)
    assert str(refused.value).startswith(f"{FACT}, 2 loads of 2 new, 0 changed, 0 unchanged, 0 vanished: ")
    assert "Nothing was published. Plan fewer days or systems, or raise the budget" in str(refused.value)


def test_a_quota_is_a_budget_that_nobody_has_to_set():
    with pytest.raises(BudgetError, match="100,002 load jobs of a day and project, and BigQuery has 100,000"):
        Budget().refuse_over(expected(loads=33_334))
    with pytest.raises(BudgetError, match="4,001 partitions that one load changes, and BigQuery has 4,000"):
        Budget().refuse_over(expected(partitions=4_001))
    # Beyond 1,500 INSERTs a day they wait for one another.
    assert expected(loads=600).quotas[2].needed == 1_801
    Budget().refuse_over(expected(loads=600))


def test_a_plan_above_the_budget_fails_in_the_log_of_steps_and_loads_nothing(five_days):
    with pytest.raises(BudgetError, match="it would read 5e-08 GB, and the budget is 1e-08"):
        steps.plan_load("r", FACT, Window(FIRST, LAST), budget=Budget(gb=1e-8))

    (line,) = five_days.rows("SELECT step, outcome, message FROM etl_run")
    assert line[:2] == ("plan", "failed")
    assert "the budget is 1e-08" in line[2]


def test_an_estimate_is_no_run(five_days):
    code, out, _ = five_days.run("estimate", FACT, "--from", "2019-01-01", "--to", "2019-01-05")

    assert code == 0
    said = " ".join(out.split())
    assert "5 new, 0 changed, 0 unchanged, 0 vanished" in said
    assert "nothing; the warehouse is a DuckDB file" in said
    assert "about 0.00 hours, as the bench on two cores" in said
    assert five_days.rows("SELECT * FROM etl_run") == []


@pytest.mark.parametrize("command", ["estimate", "plan", "run"])
def test_a_command_above_its_budget_says_so_with_exit_code_1(five_days, command):
    code, _, err = five_days.run(command, FACT, "--from", "2019-01-01", "--to", "2019-01-05", "--budget-gb", "0")

    assert code == 1
    assert "5e-08 GB, and the budget is 0. Nothing was published" in " ".join(err.split())
    assert five_days.rows("SELECT * FROM etl_checkpoint") == []
