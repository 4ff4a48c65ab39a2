"""Every SQL statement and every stored byte."""
