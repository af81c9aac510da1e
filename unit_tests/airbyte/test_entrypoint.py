"""The arguments of the commands, and RECORD messages on stdout."""

import pytest
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.sources.utils.record_helper import stream_data_to_airbyte_message

from source_iterable.airbyte.entrypoint import launch, record_messages
from source_iterable.records.batch import batch_of


def test_a_line_is_that_of_the_cdk_byte_for_byte() -> None:
    record = {"id": 1, "name": 'Ünï \u2028 "quoted"', "nested": {"none": None, "list": [1.5, True]}}
    one, two, end = record_messages(batch_of("lists", [record, record])).decode().split("\n")
    theirs = AirbyteEntrypoint.airbyte_message_to_string(stream_data_to_airbyte_message("lists", record))
    before, _, time = one.rpartition(":")
    before_theirs, _, time_theirs = theirs.rpartition(":")
    assert (before, two, end) == (before_theirs, one, "")
    assert time.endswith("}}")
    assert abs(int(time[:-2]) - int(time_theirs[:-2])) < 60_000


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("read --config c --catalog d --state s --state-file t", "--state-file: not allowed with argument --state"),
        ("read --config c --catalog d --st s", "ambiguous option: --st could match --state, --state-file"),
        ("read --config c", "the following arguments are required: --catalog"),
        ("discover", "the following arguments are required: --config"),
        ("check --state-file t", "unrecognized arguments: --state-file t"),
        ("discover --config c --state s", "unrecognized arguments: --state s"),
        ("--debug", "the following arguments are required: command"),
    ],
)
def test_wrong_arguments_are_told_on_stderr(arguments: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        launch(arguments.split())
    output, errors = capsys.readouterr()
    assert (ended.value.code, output) == (2, "")
    assert told in errors
