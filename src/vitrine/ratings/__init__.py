"""Personal recommendations: interactions in, rating models, ranked items out."""
