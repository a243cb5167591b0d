"""ONNX's own backend cases: all pass but those that are listed with a reason, and those do not."""

import collections
import fnmatch
import runpy
from pathlib import Path

import pytest

from conformance import COUNTS, cases, failures
from support import ROOT

LISTED = [line.split("\t") for line in (Path(__file__).with_name("conformance_failures.tsv")).read_text().splitlines() if line[0] != "#"]


def reason(name):
    return next((why for pattern, why in LISTED if fnmatch.fnmatch(name, pattern)), None)


@pytest.fixture(scope="module")
def outcome():
    chosen = cases()
    return chosen, failures(chosen)


def test_cases_pass_or_are_listed(outcome, capsys):
    chosen, failed = outcome
    assert collections.Counter(kind for kind, _ in chosen) == COUNTS
    with capsys.disabled():
        for kind, count in COUNTS.items():
            print(f"\n{kind}: {count - sum(case[0] == kind for case in failed)} of {count} cases of onnx pass", end="")
    assert {case: why for case, why in failed.items() if not reason(case[1])} == {}
    assert [case for case in chosen if reason(case[1]) and case not in failed] == [], "pass: take them off the list"


def test_what_fails_is_an_error_that_says_so(outcome):
    _, failed = outcome
    unclear = {case: why for case, why in failed.items() if why.startswith("exit") and not why.startswith("exit 2: error: ")}
    assert unclear == {}


def test_schemas_are_those_of_onnx_and_onnx_runtime():
    made = runpy.run_path(str(ROOT / "src" / "ops" / "generate_schema.py"))["table"]()
    assert made == (ROOT / "src" / "ops" / "schema.tsv").read_text()
