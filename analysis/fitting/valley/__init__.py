"""RunTable → the headline: a valley whose path and floor drift, its noise by source, and what both leave open."""
