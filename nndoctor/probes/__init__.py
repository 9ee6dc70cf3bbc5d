"""One file per thing observed. A probe records; it never judges and never draws random numbers."""
