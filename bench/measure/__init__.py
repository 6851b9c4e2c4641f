"""What `bench/run` measures, a file for each subject. Needs nothing but Python's own library."""
