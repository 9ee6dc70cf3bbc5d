"""What a diagnosis looks like. A report shows; it never decides anything."""
