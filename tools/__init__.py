"""Developer tools for this repository; no part of the installed packages."""
