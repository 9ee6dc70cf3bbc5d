"""nndoctor inside the trainers of other libraries: one module for each, imported only by who has the library."""
