"""Features of the linear models: counted and weighted hashed n-grams."""
