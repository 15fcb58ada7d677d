"""Tests of reading course archives."""
