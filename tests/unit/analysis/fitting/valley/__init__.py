"""Unit tests of the drifting valley, module by module."""
