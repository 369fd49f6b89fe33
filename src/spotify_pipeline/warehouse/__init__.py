"""The warehouse: all SQL of the pipeline outside dbt and the report."""
