#!/usr/bin/env bash
# Print the smallest deployment that covers the changes between two commits: deploy-mode.sh DEPLOYED NEW prints none, dags,
# image or full. Without a deployed commit, or with one that is not in the history, everything is deployed.
#   dags   only DAG files: no new image
#   image  only what tasks read from the image: dbt with its manifest, and include/. The DAG files stay
#   full   anything else that runs
set -euo pipefail
if ! changed="$(git diff --name-only --no-renames "$1" "$2" -- 2>/dev/null)"; then
    echo full
    exit 0
fi
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
done <<<"$changed"
case "$dags$image" in
    nono) echo none ;;
    yesno) echo dags ;;
    noyes) echo image ;;
    *) echo full ;;
esac
