"""`spotify-pipeline doctor`: what is wrong with a way of running, before it fails in the middle of a run."""
