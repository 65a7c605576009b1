"""The only user of Ray: a pool of warm workers, what runs on them, and the files that they leave."""
