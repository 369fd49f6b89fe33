#!/usr/bin/env bash
# Print the smallest deployment that covers the changed paths (standard input, one per line): none, dags, image or full.
#   dags   only DAG files: no new image
#   image  only what tasks read from the image: dbt with its manifest, and include/. The DAG files stay
#   full   anything else that runs
set -euo pipefail
dags=no
image=no
while IFS= read -r path; do
    case "$path" in
        docs/* | tests/* | benchmarks/* | .github/* | .ci/* | *.md | LICENSE | Makefile) ;;
        dags/*) dags=yes ;;
        dbt/* | include/*) image=yes ;;
        "") ;;
        *)
            echo full
            exit 0
            ;;
    esac
done
case "$dags$image" in
    nono) echo none ;;
    yesno) echo dags ;;
    noyes) echo image ;;
    *) echo full ;;
esac
