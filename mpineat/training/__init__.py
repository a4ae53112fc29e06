"""The only room of TensorFlow; it runs in a worker's child process."""
