"""The SQL of the bulk upsert, built from a `TableSpec`; identifiers come from code, never from data.

Rows are reduced twice: `incoming` (a temporary table, one row per observation) is folded to one row per id
and date, and then to one row per id. A fold takes each field group from its greatest
(observed_at, rank, raw_key, position), so its result does not depend on the order of the rows.

Rows folded elsewhere (see `landing`) go into `folded` unchanged, and are merged by the same statements. One
merge can write several loads: `unit` of a row is the index of its load in the parameter `load_seqs`, from 1.
"""
# ruff: noqa: S608 - every name that is put into a statement comes from the table definitions

from __future__ import annotations

from spotify_pipeline.warehouse.table_specs import LISTING, Group, TableSpec


def incoming(spec: TableSpec) -> str:
    """Return the name of the temporary table that observations are copied into."""
    return f"incoming_{spec.kind}"


def folded(spec: TableSpec) -> str:
    """Return the name of the temporary table with one row per id and date."""
    return f"folded_{spec.kind}"


def incoming_columns(spec: TableSpec) -> tuple[str, ...]:
    """Return the columns of `incoming`, in the order of `create_incoming` and of COPY."""
    flags = tuple(f"has_{group.name}" for group in spec.groups)
    return (spec.key, "stub", "observed_at", "rank", "raw_key", "position", *flags, *spec.columns)


def create_incoming(spec: TableSpec) -> str:
    """Return the statement that creates `incoming`, dropped at the end of the transaction."""
    types = {
        spec.key: "text NOT NULL",
        "stub": "boolean NOT NULL",
        "observed_at": "timestamptz NOT NULL",
        "rank": "smallint NOT NULL",
        "raw_key": 'text COLLATE "C" NOT NULL',
        "position": "bigint NOT NULL",
        **spec.types,
    }
    columns = (f"{name} {types.get(name, 'boolean NOT NULL')}" for name in incoming_columns(spec))
    return f"CREATE TEMPORARY TABLE {incoming(spec)} ({', '.join(columns)}) ON COMMIT DROP"


def copy_incoming(spec: TableSpec) -> str:
    """Return the COPY statement of `incoming`."""
    return f"COPY {incoming(spec)} ({', '.join(incoming_columns(spec))}) FROM STDIN"


def fold_by_date(spec: TableSpec, *, distinct: bool = False) -> str:
    """Return the statement that folds the observations to one row per id and date.

    Args:
        spec: the table.
        distinct: no id occurs twice in `incoming`, so that there is nothing to sort and to join.
    """
    parts = []
    for group in spec.groups:
        observed_at, rank, raw_key = group.order
        parts.append(
            f"SELECT DISTINCT ON ({spec.key}, observed_on)"
            f" {spec.key}, (observed_at AT TIME ZONE 'UTC')::date AS observed_on,"
            f" observed_at AS {observed_at}, rank AS {rank}, raw_key AS {raw_key}, {', '.join(group.columns)}"
            f" FROM {incoming(spec)} WHERE has_{group.name}"
            f" ORDER BY {spec.key}, observed_on,"
            " observed_at DESC, rank DESC, raw_key DESC, position DESC"
        )
    select = f"SELECT *, 1 AS unit FROM {_join(spec, parts, f'{spec.key}, observed_on')}"
    if distinct:
        orders = (
            f"CASE WHEN has_{group.name} THEN {name} END AS {column}"
            for group in spec.groups
            for name, column in zip(("observed_at", "rank", "raw_key"), group.order, strict=True)
        )
        select = (
            f"SELECT {spec.key}, (observed_at AT TIME ZONE 'UTC')::date AS observed_on,"
            f" {', '.join(orders)}, {', '.join(spec.columns)}, 1 AS unit FROM {incoming(spec)}"
            f" ORDER BY {spec.key}"
        )
    return f"CREATE TEMPORARY TABLE {folded(spec)} ON COMMIT DROP AS {select}"


def merge_observations(spec: TableSpec) -> str:
    """Return the upsert of the history; it returns (load_seq, inserted, updated) for each of `load_seqs`."""
    columns = [spec.key, "observed_on", *all_columns(spec)]
    return _merge(
        spec,
        target=spec.observations,
        columns=columns,
        select=f"SELECT {', '.join(columns)}, {_LOAD_SEQ} FROM {folded(spec)}",
        conflict=f"{spec.key}, observed_on",
        seen=False,
    )


def merge_current(spec: TableSpec, *, distinct: bool = False) -> str:
    """Return the upsert of the current values, with parameters and rows as in `merge_observations`.

    A row gets the load_seq of the last load with its id.

    Args:
        spec: the table.
        distinct: no id occurs twice in `folded`.
    """
    columns = [spec.key, *all_columns(spec), "first_seen_on", "last_seen_on"]
    seen = (
        f"(SELECT {spec.key}, min(observed_on) AS first_seen_on, max(observed_on) AS last_seen_on,"
        f" max(unit) AS unit FROM {folded(spec)} GROUP BY {spec.key}) AS seen"
    )
    source = f"{_join(spec, _newest(spec), spec.key)} JOIN {seen} USING ({spec.key})"
    if distinct:
        source = (
            f"(SELECT *, observed_on AS first_seen_on, observed_on AS last_seen_on FROM {folded(spec)})"
            " AS seen"
        )
    return _merge(
        spec,
        target=spec.table,
        columns=columns,
        select=f"SELECT {', '.join(columns)}, {_LOAD_SEQ} FROM {source}",
        conflict=spec.key,
        seen=True,
    )


def _newest(spec: TableSpec) -> list[str]:
    """Return, for each group, the query of its greatest observation of each id in `folded`."""
    parts = []
    for group in spec.groups:
        order = ", ".join(f"{column} DESC" for column in group.order)
        parts.append(
            f"SELECT DISTINCT ON ({spec.key}) {spec.key}, {', '.join((*group.order, *group.columns))}"
            f" FROM {folded(spec)} WHERE {group.order[0]} IS NOT NULL ORDER BY {spec.key}, {order}"
        )
    return parts


def count_superseded(spec: TableSpec) -> str:
    """Return the count of ids not written by this load whose stored listing is newer than the incoming."""
    stored, came = (
        ", ".join(f"{table}.{column}" for column in spec.groups[0].order) for table in ("stored", "came")
    )
    return (
        f"SELECT count(*) FROM {spec.table} AS stored WHERE stored.load_seq <> %(load_seq)s"
        f" AND EXISTS (SELECT FROM {folded(spec)} AS came WHERE came.{spec.key} = stored.{spec.key})"
        f" AND NOT EXISTS (SELECT FROM {folded(spec)} AS came"
        f" WHERE came.{spec.key} = stored.{spec.key} AND ({came}) >= ({stored}))"
    )


def count_folded(spec: TableSpec) -> str:
    """Return the count of rows of `folded`."""
    return f"SELECT count(*) FROM {folded(spec)}"


def count_incoming(spec: TableSpec) -> str:
    """Return the counts of observations without stubs, of their distinct ids, of all ids, of all rows."""
    return (
        f"SELECT count(*) FILTER (WHERE NOT stub), count(DISTINCT {spec.key}) FILTER (WHERE NOT stub),"
        f" count(DISTINCT {spec.key}), count(*) FROM {incoming(spec)}"
    )


def source_records(spec: TableSpec) -> str:
    """Return the query for `merge_source_records` over `incoming`; parameter `source`."""
    return (
        f"SELECT %(source)s AS source, '{spec.kind}' AS record_kind, {spec.key} AS record_id,"
        " min((observed_at AT TIME ZONE 'UTC')::date) AS first_seen_on,"
        " max((observed_at AT TIME ZONE 'UTC')::date) AS last_seen_on, 1 AS unit"
        f" FROM {incoming(spec)} WHERE NOT stub GROUP BY {spec.key}"
    )


def merge_source_records(select: str) -> str:
    """Return the upsert of the records of sources; parameters `load_seqs` and those of `select`."""
    return (
        "INSERT INTO staging.source_records AS stored"
        " (source, record_kind, record_id, first_seen_on, last_seen_on, load_seq)"
        f" SELECT source, record_kind, record_id, first_seen_on, last_seen_on, {_LOAD_SEQ}"
        f" FROM ({select}) AS seen ORDER BY source, record_kind, record_id"
        " ON CONFLICT (source, record_kind, record_id) DO UPDATE SET"
        f" {_SEEN_SET}, load_seq = excluded.load_seq WHERE {_SEEN_DIFFERS}"
    )


def all_columns(spec: TableSpec) -> list[str]:
    """Return the columns of all groups, each group's after its order columns."""
    return [column for group in spec.groups for column in (*group.order, *group.columns)]


_LOAD_SEQ = "(%(load_seqs)s::bigint[])[unit]"
_SEEN_SET = (
    "first_seen_on = least(stored.first_seen_on, excluded.first_seen_on),"
    " last_seen_on = greatest(stored.last_seen_on, excluded.last_seen_on)"
)
_SEEN_DIFFERS = (
    "(excluded.first_seen_on < stored.first_seen_on OR excluded.last_seen_on > stored.last_seen_on)"
)
# xmax is 0 in a row version that was inserted, not updated
_COUNTS = (
    "RETURNING load_seq, xmax = 0 AS inserted)"
    " SELECT load_seq, count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted)"
    " FROM written GROUP BY load_seq"
)


def _join(spec: TableSpec, parts: list[str], key: str) -> str:
    first, *others = (
        f"({part}) AS {group.name}_part" for part, group in zip(parts, spec.groups, strict=True)
    )
    assert spec.groups[0].name == LISTING  # noqa: S101 - every observation has it, so the others are joined to it
    return first + "".join(f" LEFT JOIN {other} USING ({key})" for other in others)


def _wins(group: Group) -> str:
    """Return the condition that the incoming group is newer, or equally new and corrected."""
    came = ", ".join(f"excluded.{column}" for column in group.order)
    stored = ", ".join(f"stored.{column}" for column in group.order)
    new_values = ", ".join(f"excluded.{column}" for column in group.columns)
    old_values = ", ".join(f"stored.{column}" for column in group.columns)
    newer = (
        f"({came}) > ({stored})"
        f" OR (({came}) = ({stored}) AND ROW({new_values}) IS DISTINCT FROM ROW({old_values}))"
    )
    if group.name == LISTING:
        return f"({newer})"
    first = group.order[0]
    return f"(excluded.{first} IS NOT NULL AND (stored.{first} IS NULL OR {newer}))"


def _merge(
    spec: TableSpec, *, target: str, columns: list[str], select: str, conflict: str, seen: bool
) -> str:
    assignments = [
        f"{column} = CASE WHEN {_wins(group)} THEN excluded.{column} ELSE stored.{column} END"
        for group in spec.groups
        for column in (*group.order, *group.columns)
    ]
    conditions = [_wins(group) for group in spec.groups]
    if seen:
        assignments.append(_SEEN_SET)
        conditions.append(_SEEN_DIFFERS)
    return (
        "WITH written AS ("
        f"INSERT INTO {target} AS stored ({', '.join(columns)}, load_seq) {select}"
        f" ON CONFLICT ({conflict}) DO UPDATE SET {', '.join(assignments)}, load_seq = excluded.load_seq"
        f" WHERE {' OR '.join(conditions)} {_COUNTS}"
    )
