"""The phenotype: what a genotype means, without TensorFlow."""
