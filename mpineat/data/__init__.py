"""From files to arrays of images and labels; without TensorFlow."""
