"""The figures of the documentation are those of the latest record."""

from __future__ import annotations

from benchmarks import publish


def test_the_page_and_the_chart_are_those_of_the_latest_record() -> None:
    record = publish.read(publish.latest())
    text = publish.PAGE.read_text(encoding="utf-8")
    assert publish.page(record, text) == text, "run: python -m benchmarks.publish"
    assert publish.chart(record) == publish.CHART.read_text(encoding="utf-8"), "run: python -m benchmarks.publish"


def test_a_figure_is_the_median_of_the_record() -> None:
    record = publish.read(publish.latest())
    row = next(row for row in record.rows if (row.cell, row.engine) == ("100 clean", "runnerlib"))
    assert f">runnerlib {row.rate:.3g}</text>" in publish.chart(record)
