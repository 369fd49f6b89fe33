"""Tests the fault script: which requests get a fault."""

from __future__ import annotations

from typing import Any

import pytest

from spotify_sandbox.faults import Fault, FaultKind, FaultScript


def script(*faults: dict[str, Any]) -> FaultScript:
    made = FaultScript()
    made.faults = [Fault.from_json(fault) for fault in faults]
    return made


def test_a_fault_begins_after_some_requests_and_ends() -> None:
    made = script({"kind": "status", "path": "/albums", "after": 2, "times": 2})
    taken = [made.choose("GET", "/v1/albums/x")[1] is not None for _ in range(6)]
    assert taken == [False, False, True, True, False, False]
    assert (made.faults[0].matched, made.faults[0].applied) == (6, 2)


def test_a_fault_without_times_does_not_end() -> None:
    made = script({"kind": "cut", "times": None})
    assert all(made.choose("GET", "/v1/x")[1] for _ in range(50))


@pytest.mark.parametrize(
    ("method", "target", "taken"),
    [
        ("GET", "/v1/artists/x/albums?limit=5&offset=5", True),
        ("GET", "/v1/artists/x/albums?limit=5&offset=0", False),
        ("POST", "/v1/artists/x/albums?limit=5&offset=5", False),
    ],
)
def test_requests_are_chosen_by_method_path_and_query(method: str, target: str, taken: bool) -> None:
    made = script({"kind": "status", "method": "GET", "path": r"^/v1/artists/\w+/albums\?.*offset=5"})
    assert (made.choose(method, target)[1] is not None) is taken


def test_delays_add_up_and_the_first_other_fault_decides() -> None:
    made = script(
        {"kind": "latency", "seconds": 0.5},
        {"kind": "latency", "seconds": 0.25},
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 500},
    )
    delay, fault = made.choose("GET", "/v1/x")
    assert delay == 0.75
    assert fault is not None
    assert (fault.kind, fault.status) == (FaultKind.STATUS, 503)
    assert made.faults[3].matched == 0, "the second was not needed"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "a fault is a JSON object"),
        ({"kind": "explode"}, "kind must be one of status, latency"),
        ({}, "kind must be one of"),
        ({"kind": "cut", "path": "("}, "path is not a regular expression"),
        ({"kind": "cut", "times": "2"}, "times has a value of the wrong type: '2'"),
        ({"kind": "cut", "after": True}, "after has a value of the wrong type"),
        ({"kind": "status", "headers": {"Retry-After": 1}}, "headers has a value of the wrong type"),
        ({"kind": "cut", "applied": 3}, "unknown key applied"),
    ],
)
def test_a_wrong_fault_is_refused_with_the_reason(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fault.from_json(value)
