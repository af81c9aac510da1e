"""The platform's job. A resumable stream that one attempt has read to its end is not read again by the next attempt.

The platform keeps what the first attempt wrote, and hands its states to the second. A state is also handed back for ever, by
PyAirbyte, by state files and by older platforms; then the stream is to be read whole. So the state names the job.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from airbyte_cdk.sources.streams.checkpoint.checkpoint_reader import FULL_REFRESH_COMPLETE_STATE

_JOB = "__ab_job_id"


def complete_state() -> dict[str, Any]:
    """The last state of a full refresh that is complete; empty outside of a job of the platform."""
    job = os.environ.get("WORKER_JOB_ID")
    return {**FULL_REFRESH_COMPLETE_STATE, _JOB: job} if job else {}


def is_complete(state: Mapping[str, Any]) -> bool:
    """Whether an attempt of this job has written this state at the end of a stream."""
    return bool(state) and dict(state) == complete_state()
