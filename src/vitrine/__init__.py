"""A catalogue of product pictures goes in; similar items and honest figures come out."""
