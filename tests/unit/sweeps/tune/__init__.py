"""Tests of sweeps.tune."""
