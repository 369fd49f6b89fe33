# Airflow 3.3.2 on Astro Runtime. Python 3.12, because dbt 1.11 does not run on the default 3.14.
# The base image's own ONBUILD steps install packages.txt and requirements.txt and copy the project.
FROM astrocrpublic.azurecr.io/runtime:3.3-8-python-3.12

# src: our packages. config: airflow_local_settings.py, which lets the scheduler's workers start warm: each task
# is forked from a process that has imported what it needs.
ENV PYTHONPATH=/usr/local/airflow/src:/usr/local/airflow/config${PYTHONPATH:+:${PYTHONPATH}} \
    AIRFLOW__CORE__MP_START_METHOD=fork \
    AIRFLOW__COSMOS__ENABLE_TELEMETRY=False \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    DO_NOT_TRACK=1

# Cosmos builds the DAG from the manifest, and tasks read the parsed project instead of parsing it. Neither needs a
# database. The volume of docker-compose.override.yml for dbt's documentation belongs to whom this folder does: the
# image's user.
RUN python -m spotify_stack.dbt_manifest && mkdir dbt-docs
