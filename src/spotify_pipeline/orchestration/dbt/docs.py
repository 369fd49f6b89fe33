"""Writes dbt's documentation, as the last task of spotify_transform.

It follows `publish` and blocks nothing. If it fails, its task is skipped without retries, during which the
next run of the DAG would wait. The state of the run does not change, and the next run writes it.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException
from cosmos.operators.local import DbtDocsLocalOperator

from spotify_pipeline.orchestration.dbt.operators import DbtNode
from spotify_pipeline.orchestration.dbt.task_group import node_arguments
from spotify_pipeline.orchestration.runtime import running

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

# the page shows compiled SQL; compiling that of the tests as well would take three times as long
_LEFT_OUT = ["--exclude", "resource_type:test", "resource_type:unit_test"]


class WriteDocs(DbtNode, DbtDocsLocalOperator):
    """Runs `dbt docs generate` as spotify_dbt, and writes its files to the lake."""

    def execute(self, context: Context, **kwargs: Any) -> Any:
        """Write the documentation.

        Raises:
            AirflowSkipException: dbt failed; the log has the error.
        """
        try:
            return super().execute(context, **kwargs)
        except Exception as error:
            log.warning("no documentation was written: %s", error, exc_info=error)
            raise AirflowSkipException(f"no documentation was written: {error}") from None


def write_docs(project: Path) -> WriteDocs:
    """Return the task, inside the DAG being defined."""
    return WriteDocs(
        task_id="write_docs",
        dbt_cmd_flags=_LEFT_OUT,
        callback=_publish,
        should_store_compiled_sql=False,
        doc_md="Write dbt's documentation to the lake, `docs/dbt/`. Skipped when it cannot be made.",
        **node_arguments(project),
    )


def _publish(project_dir: str, **_: Any) -> None:
    from spotify_pipeline.stages.dbt_docs import publish_docs  # noqa: PLC0415 - heavy

    with running() as runtime:
        changed = publish_docs(runtime, Path(project_dir, "target"))
    log.info("written: %s", ", ".join(changed) or "nothing, because nothing changed")
