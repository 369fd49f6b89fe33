#!/usr/bin/env bash
# Look up the packages of requirements.lock in a database of known vulnerabilities, and fail when one has any.
# Without a database (no network, or a package index that has none) print that; then fail in CI, and pass elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
report="$(mktemp)"
errors="$(mktemp)"
trap 'rm -f "$report" "$errors"' EXIT

status=0
timeout 300 .venv/bin/pip-audit --requirement requirements.lock --require-hashes --disable-pip \
    --progress-spinner off --format json --output "$report" 2>"$errors" || status=$?
if [[ ! -s "$report" ]]; then
    echo "not checked, no database of vulnerabilities could be reached: $(tail -n 1 "$errors")"
    [[ -z "${CI:-}" ]]
    exit
fi
.venv/bin/python - "$report" "$status" <<'PYTHON'
import json
import os
import sys
from pathlib import Path

found = json.loads(Path(sys.argv[1]).read_text())["dependencies"]
audited = [entry for entry in found if "skip_reason" not in entry]
for entry in audited:
    for flaw in entry["vulns"]:
        fixed = ", ".join(flaw["fix_versions"]) or "no release yet"
        print(f"{entry['name']} {entry['version']}: {flaw['id']}, fixed in {fixed}")
if not audited:
    print("not checked: the package index has no database of vulnerabilities")
else:
    print(f"{len(audited)} of {len(found)} packages looked up")
sys.exit(int(sys.argv[2]) if audited else bool(os.environ.get("CI")))
PYTHON
