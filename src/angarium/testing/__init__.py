"""Tools to test a set-up of Angarium with."""
