"""Tests of the instruments that measure intervals on published results."""
