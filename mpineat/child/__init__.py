"""The process in which TensorFlow lives, and the rank that supervises it."""
