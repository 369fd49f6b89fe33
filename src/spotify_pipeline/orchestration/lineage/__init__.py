"""OpenLineage events: the datasets and columns that tasks read and write."""
