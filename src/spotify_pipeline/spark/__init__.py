"""Replays long ranges of dates with Spark, with the same rows as the local engine.

`executor` runs on Spark's executors, `fold` has the operations on DataFrames, `engine` and `span` are the
driver, `session` starts Spark. Only the import of `fold` and calls of `session` need pyspark.
"""
