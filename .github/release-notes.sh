#!/usr/bin/env bash
# Print the part of CHANGELOG.md for a version: release-notes.sh 1.2.3 [CHANGELOG]. Fail if there is none.
set -euo pipefail
version="$1"
changelog="${2:-$(dirname "$0")/../CHANGELOG.md}"

notes="$(awk -v version="$version" '
    /^## / {
        heading = $2
        gsub(/[][]/, "", heading)
        inside = (heading == version)
        next
    }
    inside
' "$changelog")"
if [[ -z "${notes//[[:space:]]/}" ]]; then
    echo "CHANGELOG.md has no text under '## ${version}': write it, then tag again" >&2
    exit 1
fi
printf '%s\n' "$notes"
