"""Hooks of MkDocs that add the pages of the project's root to the site, and keep links to files valid.

In docs/, a link such as `../src/…` leads to a file of the repository. On the site, it leads to the repository
that GitHub names in a workflow; without a workflow, it becomes plain text.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
FOLDER = "project"
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of the project's root to the files of the site."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - only where the site is built

    for name in ROOT_PAGES:
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, f"{FOLDER}/{name}", content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Change the links of a page that lead out of the folder of the documentation."""
    return changed_links(markdown, page.file.src_uri, repository(os.environ))


def repository(environ: Any) -> str | None:
    """Return the address of the repository's files, if a workflow of GitHub names it."""
    if not environ.get("GITHUB_REPOSITORY"):
        return None
    server = environ.get("GITHUB_SERVER_URL", "https://github.com")
    return f"{server}/{environ['GITHUB_REPOSITORY']}/blob/{environ.get('GITHUB_SHA', 'main')}"


def changed_links(markdown: str, page: str, address: str | None) -> str:
    """Return a page whose links fit the site.

    Args:
        markdown: Text of the page.
        page: Its path on the site.
        address: Address of the repository's files, or None.
    """
    source = PurePosixPath(page)
    from_root = source.parts[0] == FOLDER
    # the page's folder in the repository
    folder = PurePosixPath() if from_root else PurePosixPath("docs") / source.parent

    def change(match: re.Match[str]) -> str:
        target, anchor = match["target"], match["anchor"] or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        path = _joined(folder, target)
        if path in ROOT_PAGES:
            wanted = f"{FOLDER}/{path}"
        elif path.startswith("docs/"):  # MkDocs reports one that does not exist
            wanted = path.removeprefix("docs/")
        elif address is None:
            return match["text"]
        else:
            return f"[{match['text']}]({address}/{path})"
        relative = os.path.relpath(wanted, source.parent).replace(os.sep, "/")
        return f"{match['image']}[{match['text']}]({relative}{anchor})"

    # code blocks have no links
    parts = re.split(r"(^```.*?^```)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else LINK.sub(change, part) for part in parts)


def _joined(folder: PurePosixPath, target: str) -> str:
    return os.path.normpath(f"{folder}/{target}").replace(os.sep, "/")
