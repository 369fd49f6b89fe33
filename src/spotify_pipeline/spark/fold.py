"""Folds all observations of a span in Spark to one row per id and date, and counts each unit.

The order is that of `warehouse.merge_sql`: the greatest (observed_at, rank, raw key, position) wins in a
field group. Spark compares text by its bytes, as Postgres does under collation "C".
"""

from __future__ import annotations

from collections.abc import Collection

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - its usual name
from pyspark.sql import types as t

from spotify_pipeline.spark.executor import FAILED, GROUPS

_GROUPS = [f"group_{number}" for number in range(GROUPS)]
_DAY = "observed_at div 86400000000"
"""Whole days since 1970, UTC."""


def schema() -> t.StructType:
    """Return the columns of `executor.SparkRow`."""
    columns: dict[str, t.DataType] = {
        "unit": t.IntegerType(),
        "source": t.StringType(),
        "kind": t.StringType(),
        "key": t.StringType(),
        "stub": t.BooleanType(),
        "observed_at": t.LongType(),
        "rank": t.IntegerType(),
        "raw_key": t.StringType(),
        "position": t.LongType(),
        **dict.fromkeys(_GROUPS, t.StringType()),
    }
    return t.StructType([t.StructField(name, type_) for name, type_ in columns.items()])


def failures(rows: DataFrame) -> dict[int, str]:
    """Return name and message of the error of each unit that could not be read."""
    return {row.unit: row.key for row in rows.where(F.col("kind") == FAILED).collect()}


def of_units(rows: DataFrame, units: Collection[int], spark: SparkSession) -> DataFrame:
    """Return the rows of some units."""
    wanted = spark.createDataFrame([(unit,) for unit in sorted(units)], "unit int")
    return rows.where(F.col("kind") != FAILED).join(F.broadcast(wanted), "unit", "left_semi")


def fold(rows: DataFrame) -> DataFrame:
    """Return kind, key, day, and the winner of each field group: its order, its unit and its values.

    Within a Spark partition rows are sorted by kind.
    """
    order = ("observed_at", "rank", "raw_key", "position", "unit")
    winners = [
        F.max(F.when(F.col(group).isNotNull(), F.struct(*order, F.col(group).alias("values")))).alias(group)
        for group in _GROUPS
    ]
    by_day = rows.groupBy("kind", "key", F.expr(_DAY).alias("observed_on"))
    return by_day.agg(*winners).sortWithinPartitions("kind", "key", "observed_on")


def by_key(rows: DataFrame) -> DataFrame:
    """Return unit, source, kind and key, with the number of observations without stubs and their days."""
    own = F.when(~F.col("stub"), F.expr(_DAY))
    return rows.groupBy("unit", "source", "kind", "key").agg(
        F.count(own).alias("observed"), F.min(own).alias("first"), F.max(own).alias("last")
    )


def counts(keys: DataFrame) -> DataFrame:
    """Return unit and kind, with the numbers of observations without stubs, of their ids, and of all ids."""
    return keys.groupBy("unit", "kind").agg(
        F.sum("observed").alias("observed"),
        F.count(F.when(F.col("observed") > 0, True)).alias("loaded"),
        F.count("key").alias("ids"),
    )


def source_records(keys: DataFrame) -> DataFrame:
    """Return source, kind and key, with first and last day, and the last unit that contains the record.

    The records of the detail queue (`_details`) are left out, since it is not a source of sources.yml.
    """
    own = keys.where((F.col("observed") > 0) & ~F.col("source").startswith("_"))
    return own.groupBy("source", "kind", "key").agg(F.min("first"), F.max("last"), F.max("unit"))
