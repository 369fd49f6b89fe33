"""Raw → staging of long ranges with Spark: many dates as one job, equal row by row to the local engine.

`executor` is what runs on Spark's executors, `fold` what Spark itself does, `engine` and `span` the driver.
Only `fold` needs pyspark to be imported, and `session` to be called.
"""
