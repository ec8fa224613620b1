"""Airflow's pages in a real Chromium: what a person sees, types and clicks, with real Spark behind it.

`SHOTS` names a folder for screenshots; without it there are none.
"""

import os
import re
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from standalone import OVER
from test_pv_in_airflow import (  # noqa: F401 (an Airflow of this module's own, made in the same way)
    DIM,
    FACT,
    airflow,
    bucket,
    gate,
    home,
    mails,
    warehouse,
    webhook,
)

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.stack,
    pytest.mark.xdist_group("airflow"),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here; set CHROMIUM to one"),
]
# Nothing but the page under test may be asked for.
ALONE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with playwright.sync_playwright() as running:
        context = running.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("chromium"),
            executable_path=CHROMIUM,
            args=ALONE,
            viewport={"width": 1440, "height": 1000},
            locale="en-US",
            timezone_id="UTC",
        )
        context.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        yield context
        context.close()


@pytest.fixture
def page(request, browser, airflow):
    """A page that must not break, nor ask anybody but Airflow for anything."""
    home_page, problems = str(airflow.rest.base_url), []
    opened = browser.new_page()
    opened.on("pageerror", lambda fault: problems.append(str(fault)))
    opened.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((home_page, "data:", "blob:")) else problems.append(f"asks for {asked.url}")
        ),
    )
    opened.at = lambda path: opened.goto(home_page + path)
    yield opened
    if shots := os.environ.get("SHOTS"):
        opened.screenshot(path=Path(shots, f"{request.node.name}.png"))
    opened.close()
    assert problems == []


def dialog(page, kind):
    """Open what the button Trigger opens, for a single run or for a backfill."""
    page.at("/dags/pv")
    page.get_by_role("button", name="Trigger").first.click()
    opened = page.get_by_role("dialog")
    opened.get_by_text(kind, exact=True).last.click()
    return opened


def pick(page, opened, date):
    """Take midnight of a day in Airflow's own date picker, a text that opens two masked inputs."""
    opened.get_by_text("Select date and time").first.click()
    for placeholder, value in (("YYYY/MM/DD", date), ("HH:mm", "00:00")):
        # A closed one stays in the document.
        box = page.get_by_placeholder(placeholder).locator("visible=true").last
        box.fill(value)
        box.press("Enter")
    opened.get_by_text("Date Range").click()


def test_every_dag_is_listed_with_its_tags(page):
    page.at("/dags")
    for dag_id in ("pv", "marts", "upkeep"):
        expect(page.get_by_role("link", name=dag_id, exact=True).first).to_be_visible()
    expect(page.get_by_text("operations").first).to_be_visible()


def test_the_trigger_form_shows_every_field_with_what_it_means(page):
    form = dialog(page, "Single Run")
    for title in ("First day", "Last day", "All days", "Systems", "Restate", "Accept loss"):
        expect(form.get_by_text(title).first).to_be_visible()
    expect(form.get_by_text("PVDAQ system ids, such as [34, 1332]. Empty: all systems in the bucket.")).to_be_visible()
    assert form.locator("input[type=date]").count() == 2


def test_the_trigger_form_refuses_a_day_that_no_calendar_has_and_makes_no_run(page, airflow):
    form = dialog(page, "Single Run")
    form.get_by_text("Advanced Options").click()
    form.locator(".monaco-editor").last.click()
    page.keyboard.press("Control+A")
    # The editor closes what is opened.
    page.keyboard.insert_text('{"first_day": "2019-13-45')
    expect(form.get_by_text("2019-13-45")).to_be_visible()
    form.get_by_role("button", name="Trigger").last.click()
    expect(form.get_by_text("'2019-13-45' is not a 'date'")).to_be_visible()
    # To trigger wakes a DAG that is paused, so that its schedule may have begun.
    assert [run for run in airflow.runs().values() if run["run_type"] == "manual"] == []


def test_the_asset_graph_leads_from_the_bucket_to_a_mart(page, airflow, bucket):
    assets = {asset["name"]: asset["id"] for asset in airflow.call("GET", "assets?limit=100")["assets"]}
    page.at(f"/assets/{assets['fact_pv_performance_daily']}")
    page.get_by_role("button", name="Task Dependencies").click()
    page.get_by_role("button", name="Fit View").click()
    for name in (f"s3://{bucket.name}/pvdaq/csv/pvdata", f"{FACT}.publish", FACT, DIM, "fact_pv_performance_daily"):
        expect(page.locator(".react-flow__node", has_text=name).first).to_be_visible()


def test_a_backfill_that_is_typed_into_the_dialog_loads_its_days_and_its_runs_say_so(page, airflow, warehouse):
    airflow.call("PATCH", "dags/pv", is_paused=False)
    form = dialog(page, "Backfill")
    pick(page, form, "2019/01/05")
    pick(page, form, "2019/01/08")
    expect(form.get_by_text("4 runs will be triggered.")).to_be_visible()
    form.get_by_role("button", name="Run Backfill").last.click()

    def over():
        runs = [run for run in airflow.runs().values() if run["run_type"] == "backfill"]
        return runs if len(runs) == 4 and {run["state"] for run in runs} <= OVER else None

    runs = airflow.wait(600, "the backfill to end", over)
    assert {run["state"] for run in runs} == {"success"}
    expected, found = warehouse.expected(FACT)
    assert len(expected) == 45
    assert found == expected
    (fifth,) = [run["dag_run_id"] for run in runs if run["data_interval_start"].startswith("2019-01-05")]
    page.at(f"/dags/pv/runs/{quote(fifth)}")
    page.get_by_role("button", name=re.compile("note", re.IGNORECASE)).first.click()
    expect(page.get_by_text(re.compile(f"{FACT}: 23 rows of 2 objects in load")).first).to_be_visible()
