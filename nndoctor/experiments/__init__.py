"""The diets of the loop, what runs between them, and what follows when."""
