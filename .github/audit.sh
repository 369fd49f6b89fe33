#!/usr/bin/env bash
# Known vulnerabilities in what requirements.lock installs. Fails when there are some; where there is no database
# to ask (no network, or a package index without one) it says so and passes.
set -euo pipefail
cd "$(dirname "$0")/.."
report="$(mktemp)"
words="$(mktemp)"
trap 'rm -f "$report" "$words"' EXIT

status=0
timeout 300 .venv/bin/pip-audit --requirement requirements.lock --require-hashes --disable-pip \
    --progress-spinner off --format json --output "$report" 2>"$words" || status=$?
if [[ ! -s "$report" ]]; then
    echo "no database of vulnerabilities could be asked: $(tail -n 1 "$words")"
    exit 0
fi
.venv/bin/python - "$report" "$status" <<'PYTHON'
import json
import sys
from pathlib import Path

found = json.loads(Path(sys.argv[1]).read_text())["dependencies"]
audited = [entry for entry in found if "skip_reason" not in entry]
for entry in audited:
    for flaw in entry["vulns"]:
        mended = ", ".join(flaw["fix_versions"]) or "no release yet"
        print(f"{entry['name']} {entry['version']}: {flaw['id']}, mended in {mended}")
if not audited:
    print("no database of vulnerabilities could be asked: the package index has none")
else:
    print(f"{len(audited)} of {len(found)} packages looked up")
sys.exit(int(sys.argv[2]) if audited else 0)
PYTHON
