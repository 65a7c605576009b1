"""Ray: a pool of warm workers, what runs on them, and the artifact store that they share."""
