"""Raw → staging of long ranges with Spark: many dates as one job, equal row by row to the local engine.

`executor` runs on Spark's executors, `fold` has the operations of Spark itself, `engine` and `span` are the
driver, `session` starts Spark. Importing `fold` needs pyspark, and so does calling `session`.
"""
