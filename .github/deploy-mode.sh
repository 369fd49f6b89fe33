#!/usr/bin/env bash
# Print the smallest deployment that covers the changed paths (standard input, one per line): none, dags, image or full.
#   dags   only DAG files and what they include: no new image
#   image  only dbt: its tasks come from the manifest in the image, the DAG files stay
#   full   anything else that runs
set -euo pipefail
dags=no
dbt=no
while IFS= read -r path; do
    case "$path" in
        docs/* | tests/* | benchmarks/* | .github/* | .ci/* | *.md | LICENSE | Makefile) ;;
        dags/* | include/*) dags=yes ;;
        dbt/*) dbt=yes ;;
        "") ;;
        *)
            echo full
            exit 0
            ;;
    esac
done
case "$dags$dbt" in
    nono) echo none ;;
    yesno) echo dags ;;
    noyes) echo image ;;
    *) echo full ;;
esac
