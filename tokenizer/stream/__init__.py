"""Cleans and encodes a corpus of any size: pure steps from files to files, run here or by several processes."""
