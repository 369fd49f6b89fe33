"""Tests the list of schema revisions."""

from __future__ import annotations

from alembic.script import ScriptDirectory

from spotify_pipeline.warehouse.revisions import MIGRATIONS, head, revisions


def test_revisions_are_those_that_alembic_reads() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert revisions() == tuple(reversed([script.revision for script in scripts.walk_revisions()]))
    assert head() == scripts.get_current_head()
