"""Readers of image data sets in their official file formats; one format a file, numpy alone."""
