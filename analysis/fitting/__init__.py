"""RunTable → the parts of a law: curves, surfaces, estimators, their joint uncertainty and the headline."""
