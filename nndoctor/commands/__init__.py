"""One file per subcommand. None of them imports torch, pandas or scikit-learn before it must."""
