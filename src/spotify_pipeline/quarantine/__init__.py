"""Records that broke the contract: look at them, and load those that hold it by now."""
