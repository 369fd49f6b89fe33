"""Developer tools for this repository, which are not part of the installed packages."""
