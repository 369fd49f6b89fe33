"""One module per revision. A released revision is never edited: `make revision` adds the next one."""
