"""Running a server that refuses root when we are root.

Postgres will not run as root. As root it runs as the unprivileged user `nobody`, who exists everywhere and
owns nothing. That user often cannot reach the project (a clone under `/root`), and opening those folders to
everybody would be wrong. So the server keeps one capability, to read and to pass through folders: it still
cannot write outside its own data folder.
"""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from spotify_pipeline.errors import ConfigurationError

UNPRIVILEGED_USER = "nobody"
# capability number in linux/capability.h -> name for setpriv(1); Docker's default set has only the first
CAPABILITIES = {2: "dac_read_search", 1: "dac_override"}


def is_root() -> bool:
    """Whether this process has the rights of root."""
    return os.geteuid() == 0


def hand_over(path: Path) -> None:
    """Give `path`, when we are root, to the user that `drop_prefix` switches to."""
    if is_root():
        user = pwd.getpwnam(UNPRIVILEGED_USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def drop_prefix() -> list[str]:
    """Command prefix under which a program runs without root's rights; empty for an ordinary user.

    Raises:
        ConfigurationError: we are root and `setpriv` (package util-linux) or the user `nobody` is missing.
    """
    if not is_root():
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ConfigurationError(
            "Postgres cannot run as root without 'setpriv': install util-linux or run as an ordinary user"
        )
    try:
        user = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        raise ConfigurationError(
            f"Postgres cannot run as root and there is no user '{UNPRIVILEGED_USER}': run as an ordinary user"
        ) from None
    held = _permitted_capabilities()
    keep = next((name for bit, name in CAPABILITIES.items() if held >> bit & 1), None)
    kept = f"-all,+{keep}" if keep else "-all"
    return [
        setpriv,
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        "--no-new-privs",
        f"--inh-caps={kept}",
        f"--ambient-caps={kept}",
        f"--bounding-set={kept}",
    ]


def _permitted_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0
