"""The catalogue: one check per file, in folders by chapter. The engine loads it through an entry point."""
