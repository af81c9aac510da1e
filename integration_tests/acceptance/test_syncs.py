"""The acceptance tests that the CDK leaves to a connector: full refresh twice, and the section `incremental`."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from airbyte_cdk.models import (
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateType,
    AirbyteStream,
    AirbyteStreamState,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    StreamDescriptor,
    SyncMode,
    Type,
)
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput, discover, read
from airbyte_cdk.test.models import ConnectorTestScenario, ExpectedOutcome

from source_iterable.airbyte.source import SourceIterable
from source_iterable.reading.lists import ByContentStream
from source_iterable.streams.table import STREAMS

pytestmark = pytest.mark.filterwarnings("error")

ROOT = Path(__file__).resolve().parents[2]
FUTURE = "2999-01-01T00:00:00Z"
# What may have changed since is asked again in every sync.
COUNTED = {"campaigns_metrics", "experiment_trends"}
Records = dict[str, "Counter[bytes]"]


class ListedIn:
    """The scenarios of one section of acceptance-test-config.yml."""

    section: str

    @classmethod
    def get_scenarios(cls) -> list[ConnectorTestScenario]:
        sections = yaml.safe_load((ROOT / "acceptance-test-config.yml").read_text())["acceptance_tests"]
        return [ConnectorTestScenario(config_path=test["config_path"]) for test in sections[cls.section]["tests"]]


class TestFullRefresh(ListedIn):
    section = "full_refresh"

    def test_two_syncs_return_the_same_records(self, scenario: ConnectorTestScenario) -> None:
        streams = discovered(scenario)
        first, second = (records_of(sync(scenario, streams, SyncMode.full_refresh)) for _ in range(2))
        assert set(first) == {stream.name for stream in streams}
        for name in first:
            assert first[name] == second[name], f"{name} differs from sync to sync"


class TestIncremental(ListedIn):
    section = "incremental"

    def test_a_sync_resumes_from_any_state_and_reads_nothing_after_the_last(
        self, scenario: ConnectorTestScenario
    ) -> None:
        streams = incremental(scenario)
        output = sync(scenario, streams, SyncMode.incremental)
        everything = records_of(output)
        assert set(everything) == {stream.name for stream in streams}
        states = states_of(output)
        assert set(states) == set(everything), "every stream emits a state"
        assert max(len(of_stream) for of_stream in states.values()) > 1, "states are emitted during a sync"

        for share in (0.0, 0.5, 1.0):
            at = {name: of_stream[int(share * (len(of_stream) - 1))] for name, of_stream in states.items()}
            again = records_of(sync(scenario, streams, SyncMode.incremental, [state for state, _ in at.values()]))
            for name, (_, before) in at.items():
                missing = everything[name] - before - again[name]
                assert not missing, f"{name}: {missing.total()} records are in neither sync"
                assert again[name] <= everything[name], f"{name}: the second sync invents records"
                if at[name] is states[name][-1] and name not in COUNTED:
                    assert not again[name], f"{name}: {again[name].total()} records are repeated after the last state"

    def test_a_time_in_the_future_reads_nothing(self, scenario: ConnectorTestScenario) -> None:
        streams = incremental(scenario)
        states = [state(stream.name, {stream.default_cursor_field[0]: FUTURE}) for stream in streams]  # type: ignore[index]
        output = sync(scenario, streams, SyncMode.incremental, states)
        # Those by content do not believe any time: a state without their content emits the whole list. Nor do metrics.
        by_content = {name for name, stream in STREAMS.items() if isinstance(stream, ByContentStream)}
        assert not set(records_of(output)) - by_content - COUNTED
        assert set(states_of(output)) == {stream.name for stream in streams}


def discovered(scenario: ConnectorTestScenario) -> list[AirbyteStream]:
    output = discover(SourceIterable(), scenario.config_dict, expected_outcome=ExpectedOutcome.EXPECT_SUCCESS)
    return list(output.catalog.catalog.streams)


def incremental(scenario: ConnectorTestScenario) -> list[AirbyteStream]:
    streams = [stream for stream in discovered(scenario) if SyncMode.incremental in stream.supported_sync_modes]
    assert streams
    return streams


def sync(
    scenario: ConnectorTestScenario,
    streams: list[AirbyteStream],
    mode: SyncMode,
    states: list[AirbyteStateMessage] | None = None,
) -> EntrypointOutput:
    """Read the streams through the CDK's own entrypoint; raises if that fails."""
    configured = [
        ConfiguredAirbyteStream(stream=stream, sync_mode=mode, destination_sync_mode=DestinationSyncMode.append)
        for stream in streams
    ]
    catalog = ConfiguredAirbyteCatalog(streams=configured)
    output = read(
        SourceIterable(), scenario.config_dict, catalog, states, expected_outcome=ExpectedOutcome.EXPECT_SUCCESS
    )
    output.raise_if_errors()
    return output


def records_of(output: EntrypointOutput) -> Records:
    """How often each record was emitted, by stream."""
    records: Records = defaultdict(Counter)
    for message in output.records:
        records[message.record.stream][as_bytes(message.record.data)] += 1
    return records


def states_of(output: EntrypointOutput) -> dict[str, list[tuple[AirbyteStateMessage, Counter[bytes]]]]:
    """The states of each stream in order, each with the records before it."""
    states: dict[str, list[tuple[AirbyteStateMessage, Counter[bytes]]]] = defaultdict(list)
    so_far: Records = defaultdict(Counter)
    for message in output.get_message_by_types([Type.RECORD, Type.STATE]):
        if message.record:
            so_far[message.record.stream][as_bytes(message.record.data)] += 1
        elif message.state:
            name = message.state.stream.stream_descriptor.name
            states[name].append((message.state, so_far[name].copy()))
    return states


def state(stream_name: str, fields: dict[str, Any]) -> AirbyteStateMessage:
    return AirbyteStateMessage(
        type=AirbyteStateType.STREAM,
        stream=AirbyteStreamState(
            stream_descriptor=StreamDescriptor(name=stream_name), stream_state=AirbyteStateBlob(**fields)
        ),
    )


def as_bytes(record: dict[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
