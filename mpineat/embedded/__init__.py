"""The configuration and the images that travel with the package."""
