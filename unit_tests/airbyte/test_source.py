"""States that no sync can continue from are named."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStateMessageSerializer, ConfiguredAirbyteCatalog
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_iterable.airbyte.messages import Messages
from source_iterable.airbyte.source import SourceIterable
from source_iterable.api.client import IterableClient
from source_iterable.config import Config
from source_iterable.reading.stream import StreamContext
from source_iterable.streams.table import STREAMS


@pytest.mark.parametrize("name", ["lists", "list_users", "events", "campaigns", "users"])
def test_a_state_that_is_nested_too_deep_is_named(name: str) -> None:
    config = Config.parse({"api_key": "k", "start_date": "2024-01-01T00:00:00Z"})
    logger = logging.getLogger("airbyte")
    context = StreamContext(config, IterableClient(config, logger), logger)
    deep = json.loads("[" * 800 + "]" * 800)
    message = {"stream_descriptor": {"name": name}, "stream_state": {"x": deep}}
    states = ConnectorStateManager([AirbyteStateMessageSerializer.load({"type": "STREAM", "stream": message})])
    messages = Messages(context, states)
    messages.add(name, STREAMS[name])
    context.close()
    assert str(messages.failed[name]).startswith(f"The state of stream {name} cannot be read: it is nested too deep")


def test_a_global_state_that_is_nested_too_deep_is_refused(tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(900):
        deep = {"a": deep}
    path = tmp_path / "state.json"
    path.write_text(json.dumps([{"type": "GLOBAL", "global": {"shared_state": deep, "stream_states": []}}]))
    config = {"api_key": "k", "start_date": "2024-01-01T00:00:00Z"}
    catalog = ConfiguredAirbyteCatalog(streams=[])
    with pytest.raises(AirbyteTracedException) as caught:
        list(SourceIterable().read(logging.getLogger("airbyte"), config, catalog, SourceIterable.read_state(str(path))))
    assert (caught.value.message or "").startswith("The state")
    assert "deep" in (caught.value.message or "")
