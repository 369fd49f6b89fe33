"""Whether a failed run of spotify_transform is worth another one by itself.

Loads do not wait for the models, nor the models for loads: each statement sees all that was committed when
it began. So a run during which something was loaded can have built one table before and another one after it,
and a test that compares the two finds a difference that no longer is there in the next run. A failure without
a load in between is one of the data, and only a person can repair it.
"""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowSkipException

from spotify_pipeline.orchestration.tasks.runtime import running
from spotify_pipeline.stages.publish import watermark


def require_newer_load(load_seq: int | None) -> int:
    """Give the newest load, where it is newer than `load_seq`, the watermark of this run.

    Raises:
        AirflowSkipException: nothing was loaded since, or the run did not come as far as its watermark.
        WarehouseUnavailable: the warehouse cannot be reached.
    """
    if load_seq is None:
        raise AirflowSkipException("no model was built")
    with running() as runtime:
        newest = watermark(runtime)
    if newest <= load_seq:
        raise AirflowSkipException(f"nothing was loaded since load {load_seq}: what failed stands")
    return newest
