"""`spotify-pipeline doctor`: checks whether the pipeline can run here, before a run fails."""
