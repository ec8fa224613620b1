"""What helps to understand a failed test: the last lines of the Airflow that it ran in."""

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and (running := item.funcargs.get("airflow")):
        report.sections.append(("Airflow's last lines", running.tail()))
    return report
