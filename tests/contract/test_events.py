"""`events.json` is what the server sends and what the browser reads: both sides are tested against this one file."""

import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from pulse.events import ALL, Event
from tests.conftest import FrozenClock

CONTRACT = json.loads(Path(__file__).with_name("events.json").read_text())
EXAMPLES: list[dict[str, Any]] = CONTRACT["events"]
BY_TYPE = {kind.type: kind for kind in ALL}


def own_fields(example: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in example.items() if name not in ("event_id", "type", "timestamp")}


def kinds(of: type[Event]) -> Iterator[type[Event]]:
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["type"])
def test_the_server_sends_exactly_this(example: dict[str, Any], frozen_clock: FrozenClock) -> None:
    frozen_clock.now = datetime.fromtimestamp(example["timestamp"], UTC)
    kind = TypeAdapter(BY_TYPE[example["type"]])
    event = kind.validate_json(json.dumps(own_fields(example)), strict=True)
    sent = {"event_id": example["event_id"], **event.wire()}
    assert json.dumps(sent) == json.dumps(example)


def test_every_class_of_event_has_an_example_and_a_place_in_the_list() -> None:
    assert {example["type"] for example in EXAMPLES} == set(BY_TYPE)
    assert {kind.type for kind in kinds(Event) if "type" in vars(kind)} == set(BY_TYPE)


def test_a_field_that_may_be_null_is_shown_with_and_without_a_value() -> None:
    for kind in ALL:
        for field in fields(kind):
            if "None" in str(field.type):
                shown = {example[field.name] is None for example in EXAMPLES if example["type"] == kind.type}
                assert shown == {True, False}, f"{kind.type}.{field.name}"
