"""Tables, articles and bundles as files."""
