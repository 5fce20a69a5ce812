"""Readers of reports: what real tools write, and what people write who want to break them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.events.findings import CaseCounts, Finding
from runnerlib.runner.findings import cobertura, junit, sarif, tap
from runnerlib.runner.findings.parsed import LONGEST_NAME, LONGEST_TEXT, Parsed, WrongReportError

READERS = {"junit": junit.read, "tap": tap.read, "sarif": sarif.read, "cobertura": cobertura.read}

# As pytest 8 writes it.
PYTEST = """<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="0"
failures="1" skipped="1" tests="4" time="0.051"><testcase classname="tests.test_cart" name="test_empty" time="0.001" />
<testcase classname="tests.test_cart.TestCart" name="test_total" time="0.012"><failure
message="assert 3 == 4&#10; +  where 3 = total()">self = &lt;test_cart.TestCart object&gt;

src/cart.py:7: ValueError
&gt;       assert 3 == 4
E       assert 3 == 4

tests/test_cart.py:12: AssertionError</failure></testcase>
<testcase classname="tests.test_cart" name="test_skip"><skipped type="pytest.skip" message="no">no</skipped></testcase>
<testcase classname="tests.test_cart" name="test_setup"><error message="failed on setup">tests/test_cart.py:3: E</error>
</testcase></testsuite></testsuites>"""
SUREFIRE = """<testsuite name="com.acme.CartTest" tests="2"><properties/><testcase name="total"
classname="com.acme.CartTest" time="1,234.5"><failure
type="java.lang.AssertionError"><![CDATA[java.lang.AssertionError: expected <3>
	at org.junit.Assert.fail(Assert.java:88)
	at com.acme.CartTest.total(CartTest.java:21)]]></failure><rerunFailure message="x"/></testcase>
<testcase name="flaky" classname="CartTest"><flakyFailure message="once">x</flakyFailure></testcase></testsuite>"""
TAP = """TAP version 14
1..6
ok 1 - loads
not ok 2 - adds
  ---
  message: "3 is not 4"
  at: test/cart.js:12:7
  ...
ok 3 - later # SKIP no network
not ok 4 - wanted # TODO one day
not ok 5 - no place
"""
SARIF = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "ruff"}},
            "results": [
                {
                    "ruleId": "F401",
                    "level": "error",
                    "message": {"text": "unused"},
                    "locations": [
                        {
                            "physicalLocation": {
                                "artifactLocation": {"uri": "file:///job/src/a%20b.py"},
                                "region": {"startLine": 3, "startColumn": 8},
                            }
                        }
                    ],
                },
                {"message": {"text": "no place"}, "level": "note"},
                {"message": {"text": "known"}, "suppressions": [{"kind": "inSource"}]},
                {"message": {"text": "fine"}, "kind": "pass"},
            ],
        }
    ],
}
COVERAGE = """<?xml version="1.0" ?><!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage line-rate="0.873" lines-covered="873" lines-valid="1000"><packages/></coverage>"""
BY_LINES = """<coverage><class filename="a"><line number="1" hits="1"/><line number="2" hits="0"/></class>
<class filename="b"><line number="1" hits="7"/><line number="1" hits="0"/></class></coverage>"""


def test_junit_of_pytest() -> None:
    read = junit.read(PYTEST.encode())
    assert read.cases == CaseCounts(1, 2, 1, pytest.approx(0.013))
    first, second = read.findings
    assert first == Finding(
        *("error", "assert 3 == 4\n +  where 3 = total()", "tests/test_cart.py", 12, 0),
        *("tests.test_cart.TestCart::test_total", "junit"),
    )
    assert second.place == "tests/test_cart.py:3"


def test_junit_of_surefire() -> None:
    read = junit.read(SUREFIRE.encode())
    assert read.cases == CaseCounts(1, 1, 0, 1234.5)
    assert [(one.place, one.text) for one in read.findings] == [
        ("CartTest.java:21", "java.lang.AssertionError: expected <3>")
    ]


def test_a_place_that_is_told_is_taken() -> None:
    told = (
        '<testsuite><testcase name="a" file="spec/a.rb" line="7"><failure>x.rb:1: no</failure></testcase></testsuite>'
    )
    assert junit.read(told.encode()).findings[0].place == "spec/a.rb:7"


def test_tap() -> None:
    read = tap.read(TAP.encode())
    assert read.cases == CaseCounts(1, 3, 2)
    assert [(one.title, one.place, one.text) for one in read.findings] == [
        ("adds", "test/cart.js:12:7", "3 is not 4"),
        ("no place", "", "failed"),
        ("the plan", "", "6 tests were planned, 5 ran"),
    ]
    assert tap.read(b"Bail out! no database\n").findings[0].text == "no database"
    assert tap.read(b"1..0 # skip all\n").cases == CaseCounts()


def test_sarif() -> None:
    read = sarif.read(json.dumps(SARIF).encode("utf-8-sig"))
    assert read.findings == (
        Finding("error", "unused", "/job/src/a b.py", 3, 8, "F401", "ruff"),
        Finding("notice", "no place", source="ruff"),
    )


def test_cobertura() -> None:
    assert cobertura.read(COVERAGE.encode()) == Parsed(covered=873, lines=1000)
    assert cobertura.read(BY_LINES.encode()) == Parsed(covered=2, lines=3)
    assert cobertura.read(b'<coverage line-rate="0.5"/>') == Parsed(covered=5000, lines=10_000)


WRONG = {
    "junit": {
        b"": "it is no XML: no element found in line 1",
        b"<html></html>": "it is XML, but not of JUnit",
        b"<testsuite>": "it is no XML: no element found in line 1",
        b'<!DOCTYPE t [<!ENTITY a "b">]><testsuite/>': "it declares entities",
        b'<!DOCTYPE t [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite>&a;</testsuite>': "it declares entities",
        b'<!DOCTYPE t [<!ENTITY % a SYSTEM "http://127.0.0.1/"> %a;]><testsuite/>': "it declares entities",
        b'<?xml version="1.0" encoding="nonsense"?><testsuite/>': "it is no XML: unknown encoding",
        b"<testsuite>" + b"<a>" * 2000: "its elements are more than 1000 deep",
    },
    "tap": {b"": "it has neither a plan nor a result of a test", b"okay\n": "it has neither a plan"},
    "sarif": {
        b"": "it is no JSON",
        b"[" * 100_000: "it is no JSON",
        b"[]": "it is JSON, but not of SARIF: 'runs' is missing",
        b'{"runs": 1}': "it is JSON, but not of SARIF",
    },
    "cobertura": {
        b"<testsuite/>": "it is XML, but not of Cobertura",
        b"<coverage/>": "it does not say how many lines are covered",
        b'<coverage line-rate="1.5"/>': "its share of covered lines is none from 0 to 1",
        b'<coverage line-rate="nan"/>': "its share of covered lines is none from 0 to 1",
        b'<coverage lines-valid="1" lines-covered="2"/>': "more lines are covered than there are",
    },
}


def test_what_is_no_report_says_why() -> None:
    for kind, cases in WRONG.items():
        for data, why in cases.items():
            with pytest.raises(WrongReportError, match=f"^{re.escape(why)}"):
                READERS[kind](data)


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=60)
@given(data=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")))
def test_anything_is_read_or_refused(kind: str, data: bytes) -> None:
    inside = {
        "junit": b"<testsuite>%b</testsuite>",
        "sarif": b'{"runs": [%b]}',
        "cobertura": b"<coverage>%b</coverage>",
    }
    read: Callable[[bytes], Parsed] = READERS[kind]
    for content in (data, inside.get(kind, b"%b") % data):
        try:
            assert isinstance(read(content), Parsed)
        except WrongReportError as error:
            assert str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["results", "message", "text", "locations", "physicalLocation", "region", "startLine", "tool"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=100)
def test_sarif_of_any_shape_is_read(runs: object) -> None:
    assert isinstance(sarif.read(json.dumps({"runs": [runs, {"results": [runs]}]}).encode()), Parsed)


def test_texts_are_cut() -> None:
    long = f'<testsuite><testcase name="{"n" * 5000}"><failure message="{"m" * 50_000}"/></testcase></testsuite>'
    (one,) = junit.read(long.encode()).findings
    assert (len(one.title), len(one.text)) == (LONGEST_NAME + 1, LONGEST_TEXT + 1)
